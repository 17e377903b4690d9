"""`qifang duty …`."""

from __future__ import annotations

import click

from server.console import bureau_option, console_actor, json_option, out, print_json, print_table, run
from server.issues.actions import move_issue
from server.issues.duty.waiting import REASONS, Waiting, list_waiting, offer_waiting
from server.issues.fields import Reassign
from server.issues.tables import Issue


@click.group()
def duty() -> None:
    """What waits for a unit or a person, and who gets it."""


@duty.command("waiting")
@click.option("--kind", type=click.Choice(list(REASONS)), default=None)
@click.option("--unit", default="")
@bureau_option
@json_option
def duty_waiting(kind: str | None, unit: str, bureau: str, as_json: bool) -> None:
    """Show what waits to be classified, sent to a unit, or given to a person; the oldest first.

    \b
    Example: qifang duty waiting --kind no_handler --unit finance
    """

    async def work() -> list[Waiting]:
        return await list_waiting(await console_actor(bureau), kind or "", unit)

    waiting = run(work)
    if as_json:
        print_json(waiting)
    else:
        rows = [(one.number, one.kind, one.unit, one.title, one.why_zh) for one in waiting]
        print_table("", ["number", "kind", "unit", "title", "why"], rows, "Nothing waits")


@duty.command("offer")
@bureau_option
@json_option
def duty_offer(bureau: str, as_json: bool) -> None:
    """Give what waits for a person to whoever has room, the oldest first.

    \b
    Example: qifang duty offer
    """

    async def work() -> int:
        return await offer_waiting((await console_actor(bureau)).bureau)

    given = run(work)
    if as_json:
        print_json({"given": given})
    else:
        out.print(f"{given} given")


@duty.command("reassign")
@click.argument("number")
@click.option("--to", default="", help="Login of somebody of the lead unit; left out, the post chooses.")
@click.option("--reason", required=True)
@bureau_option
def duty_reassign(number: str, to: str, reason: str, bureau: str) -> None:
    """Give an issue to another person of its unit.

    \b
    Example: qifang duty reassign 东湖-2026-000001 --to wu --reason 何办出差
    """

    async def work() -> Issue:
        return await move_issue(await console_actor(bureau), number, "reassign", Reassign(to=to, reason=reason))

    out.print(f"{run(work).number} has another handler")
