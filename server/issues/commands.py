"""`qifang issue …`."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import click
from msgspec import convert
from msgspec.structs import asdict

from server.clocks.lights import LIGHTS
from server.console import bureau_option, console_actor, json_option, out, print_json, print_table, run
from server.enterprises.actions import find_by_code
from server.issues.actions import move_issue
from server.issues.drafts.actions import DraftOut, begin_issue, change_draft, discard_draft, show_draft
from server.issues.drafts.submitting import Draft
from server.issues.fields import Dispatch, Nothing
from server.issues.joining.commands import issue_common, issue_merge, issue_split
from server.issues.queue.detail import IssueOut, show_issue
from server.issues.queue.listing import Queue, list_queue
from server.issues.queue.wanted import wanted_from
from server.refusals import refusal
from server.settings import settings

_LAMPS = {name: zh for name, (zh, _) in LIGHTS.items()} | {"": "-"}


@click.group()
def issue() -> None:
    """The follow-up queue."""


issue.add_command(issue_merge)
issue.add_command(issue_split)
issue.add_command(issue_common)


@issue.command("list")
@click.option("--state", default="open", show_default=True, help="A state, open or all.")
@click.option("--unit", default="", help="Code of a unit that leads or helps.")
@click.option("--overdue", is_flag=True)
@click.option("--light", default="", help="green, yellow, red, double_red or grey.")
@click.option("--limit", default=50, show_default=True)
@bureau_option
@json_option
def issue_list(state: str, unit: str, overdue: bool, light: str, limit: int, bureau: str, as_json: bool) -> None:
    """Show the queue, what is due first on top.

    \b
    Example: qifang issue list --overdue
    """

    async def work() -> Queue:
        actor = await console_actor(bureau)
        asked = {"state": state, "unit": unit, "overdue": overdue or None, "light": light}
        return await list_queue(actor, wanted_from(asked), limit=limit)

    queue = run(work)
    if as_json:
        print_json(queue)
        return
    rows = [
        (
            _LAMPS[line.light],
            line.number,
            line.state_zh,
            line.title[:40],
            line.category,
            _day(line.next_due),
            line.next_clock,
        )
        for line in queue.items
    ]
    count = f"{queue.count}" if queue.count_is_exact else f"{queue.count - 1}+"
    print_table(
        f"{count} issues",
        ["light", "number", "state", "title", "category", "due", "clock"],
        rows,
        "The queue is empty.",
    )


@issue.command("show")
@click.argument("number")
@bureau_option
@json_option
def issue_show(number: str, bureau: str, as_json: bool) -> None:
    """Show one issue: its dates with their reasons, its timeline.

    \b
    Example: qifang issue show 东湖-2026-000001
    """

    async def work() -> IssueOut:
        return await show_issue(await console_actor(bureau), number)

    shown = run(work)
    if as_json:
        print_json(shown)
        return
    out.print(f"{shown.number}  {shown.state_zh} {shown.state_en}  {shown.title}")
    for due in shown.dues:
        out.print(f"  {_LAMPS[due.light]} {due.zh} {due.state} {due.day or '-'}")
        for sentence in due.explain:
            out.print(f"      {sentence.zh}")
    for event in shown.events:
        out.print(f"  {event.n:>3}  {event.at:%Y-%m-%d %H:%M}  {event.verb_zh} {event.person_name} → {event.target}")


@issue.command("draft")
@click.argument("number", default="")
@click.option("--title", help="What it is about.")
@click.option("--description", help="In the enterprise's own words.")
@click.option("--source", help="How it came: hotline, document, officer, window …")
@click.option("--enterprise", "code", help="Credit code or temporary id.")
@click.option("--category", help="Code of the taxonomy.")
@bureau_option
@json_option
def issue_draft(number: str, code: str | None, bureau: str, as_json: bool, **words: str | None) -> None:
    """Begin an issue by hand, or go on with draft NUMBER. Nobody else sees it and no clock runs until `qifang issue submit`.

    \b
    Example: qifang issue draft --title 用电增容 --source document
             qifang issue draft 草稿-000001 --description "原有变压器容量不够"
    """
    typed: dict[str, Any] = {name: value for name, value in words.items() if value is not None}

    async def work() -> DraftOut:
        actor = await console_actor(bureau)
        if code is not None:
            firm = await find_by_code(actor.bureau, code)
            if firm is None:
                raise refusal("enterprise.unknown", enterprise=code)
            typed["enterprise"] = firm.id
        before = (await show_draft(actor, number)).draft if number else Draft()
        draft = convert(asdict(before) | typed, Draft)
        return await (change_draft(actor, number, draft) if number else begin_issue(actor, draft))

    shown = run(work)
    if as_json:
        print_json(shown)
    else:
        out.print(f"{shown.number}  {shown.draft.title}")


@issue.command("submit")
@click.argument("number")
@bureau_option
@json_option
def issue_submit(number: str, bureau: str, as_json: bool) -> None:
    """Submit a draft: it gets its number, and its clocks run from now.

    \b
    Example: qifang issue submit 草稿-000001
    """

    async def work() -> IssueOut:
        actor = await console_actor(bureau)
        moved = await move_issue(actor, number, "submit", Nothing())
        return await show_issue(actor, moved.id)

    shown = run(work)
    if as_json:
        print_json(shown)
    else:
        out.print(f"{number} → {shown.number}, due {_day(shown.next_due)} ({shown.next_clock})")


@issue.command("discard")
@click.argument("number")
@bureau_option
def issue_discard(number: str, bureau: str) -> None:
    """Delete a draft of the console.

    \b
    Example: qifang issue discard 草稿-000001
    """

    async def work() -> None:
        await discard_draft(await console_actor(bureau), number)

    run(work)
    out.print(f"{number} is gone")


@issue.command("dispatch")
@click.argument("number")
@click.option("--lead", default="", help="Code of the unit; the routing matrix decides when left out.")
@click.option("--co", multiple=True, help="Code of a unit that helps; may be repeated.")
@bureau_option
@json_option
def issue_dispatch(number: str, lead: str, co: tuple[str, ...], bureau: str, as_json: bool) -> None:
    """Send an issue to a unit.

    \b
    Example: qifang issue dispatch 东湖-2026-000001 --lead finance
    """

    async def work() -> IssueOut:
        actor = await console_actor(bureau)
        moved = await move_issue(actor, number, "dispatch", Dispatch(lead=lead, co=list(co)))
        return await show_issue(actor, moved.id)

    shown = run(work)
    if as_json:
        print_json(shown)
    else:
        out.print(f"{shown.number} → {shown.lead}, due {_day(shown.next_due)} ({shown.next_clock})")


def _day(due: datetime | None) -> str:
    """The last day of the limit, in the bureau's zone: a limit that ends at midnight ends with the day before."""
    return "" if due is None else (due - timedelta(seconds=1)).astimezone(settings.timezone).date().isoformat()
