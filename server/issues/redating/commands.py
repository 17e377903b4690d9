"""`qifang calendar …`."""

from __future__ import annotations

from collections.abc import Awaitable
from datetime import date, timedelta
from pathlib import Path

import click

from server.console import bureau_option, console_actor, json_option, out, print_json, print_table, run
from server.issues.redating.actions import (
    Redated,
    begin_recount,
    change_calendar,
    change_hours,
    finish_recounts,
    import_notice,
)  # fmt: skip
from server.moment import today
from server.worktime.actions import DayOut, kept_calendar, list_days
from server.worktime.days import MIDNIGHT, OFFICE, Day, Hours
from server.worktime.editing import VersionOut, list_versions
from sync.refusal import Refusal

KINDS = ("rest", "work", "withdraw")
dry_run_option = click.option("--dry-run", is_flag=True, help="Say what would move and write nothing.")
forward_option = click.option("--forward", is_flag=True, help="Leave out what would make anybody late after the fact.")
note_option = click.option("--note", default="", help="Why, for the history.")


@click.group()
def calendar() -> None:
    """Working days, days off, office hours, and their history."""


@calendar.command("show")
@click.option("--first", default="", help="First day (today).")
@click.option("--last", default="", help="Last day (thirty days later).")
@click.option("--version", default="", help="As it was in this version, e.g. 2026+3.")
@bureau_option
@json_option
def calendar_show(first: str, last: str, version: str, bureau: str, as_json: bool) -> None:
    """Show which days are worked, and which are only expected to be.

    \b
    Example: qifang calendar show --first 2027-02-01 --last 2027-02-28
    """

    async def work() -> list[DayOut]:
        begin = _date(first) if first else today()
        end = _date(last) if last else begin + timedelta(days=30)
        return await list_days(await console_actor(bureau), begin, end, version)

    days = run(work)
    if as_json:
        print_json(days)
        return
    rows = [
        (
            f"{day.day} {'一二三四五六日'[day.day.weekday()]}",
            "班 work" if day.is_working else "休 rest",
            day.name,
            day.status,
            "暂定 provisional" if day.is_provisional else "",
            " ".join(day.spans),
        )
        for day in days
    ]
    print_table("", ["day", "", "name", "status", "", "hours"], rows, "")


@calendar.command("history")
@bureau_option
@json_option
def calendar_history(bureau: str, as_json: bool) -> None:
    """Show every edit: who, when, what.

    \b
    Example: qifang calendar history
    """

    async def work() -> list[VersionOut]:
        return await list_versions(await console_actor(bureau))

    versions = run(work)
    if as_json:
        print_json(versions)
        return
    rows = [
        (one.version, f"{one.at:%Y-%m-%d %H:%M}", one.person_name, one.kind, len(one.days), one.note)
        for one in versions
    ]
    print_table(
        "", ["version", "at (UTC)", "by", "kind", "days", "note"], rows, "Nobody has changed the shipped calendar."
    )


@calendar.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@dry_run_option
@forward_option
@bureau_option
@json_option
def calendar_import(file: Path, dry_run: bool, forward: bool, bureau: str, as_json: bool) -> None:
    """Import a year's holidays, a JSON file in the shape of the holiday-cn project.

    \b
    Example: qifang calendar import 2027.json --dry-run
    """

    async def work() -> Redated:
        try:
            return await import_notice(await console_actor(bureau), file.read_bytes(), preview=dry_run, forward=forward)
        except Refusal as refused:
            for complaint in refused.details.get("complaints", []):
                click.echo(complaint, err=True)
            _show_breaches(refused)
            raise

    _show(run(work), as_json)


@calendar.command("day")
@click.argument("day")
@click.argument("kind", type=click.Choice(KINDS))
@click.option("--name", default="", help="What people call it: 防汛, 春节前半天.")
@click.option("--hours", default="", help="Office hours of this day alone: 08:30-12:00.")
@note_option
@dry_run_option
@forward_option
@bureau_option
@json_option
def calendar_day(
    day: str, kind: str, name: str, hours: str, note: str, dry_run: bool, forward: bool, bureau: str, as_json: bool
) -> None:
    """Say that one day is a day of rest or worked here, or take back what was said.

    \b
    Example: qifang calendar day 2026-07-01 rest --name 防汛
    Example: qifang calendar day 2027-02-04 work --hours 08:30-12:00 --name 除夕前半天
    """
    is_working = {"rest": False, "work": True, "withdraw": None}[kind]

    async def work() -> Redated:
        said = Day(day=_date(day), is_working=is_working, name=name, spans=tuple(hours.split()))
        return await _told(
            change_calendar(await console_actor(bureau), [said], note=note, preview=dry_run, forward=forward)
        )

    _show(run(work), as_json)


@calendar.command("hours")
@click.argument("spans", nargs=-1, required=True)
@click.option("--from", "valid_from", default="", help="First day they hold (tomorrow).")
@click.option("--closing", type=click.Choice((MIDNIGHT, OFFICE)), default=MIDNIGHT, show_default=True)
@note_option
@dry_run_option
@forward_option
@bureau_option
@json_option
def calendar_hours(
    spans: tuple[str, ...],
    valid_from: str,
    closing: str,
    note: str,
    dry_run: bool,
    forward: bool,
    bureau: str,
    as_json: bool,
) -> None:
    """Set the office hours from a day on, and whether limits end at 24:00 or when the office closes.

    \b
    Example: qifang calendar hours 08:30-12:00 14:30-18:00 --from 2027-06-01 --closing office
    """

    async def work() -> Redated:
        first = _date(valid_from) if valid_from else today() + timedelta(days=1)
        said = Hours(valid_from=first, spans=spans, closing=closing)
        return await _told(
            change_hours(await console_actor(bureau), [said], note=note, preview=dry_run, forward=forward)
        )

    _show(run(work), as_json)


@calendar.command("recount")
@bureau_option
@json_option
def calendar_recount(bureau: str, as_json: bool) -> None:
    """Count the dates of all open issues anew and go on with walks that stand still: after a release with a newer calendar.

    \b
    Example: qifang calendar recount
    """

    async def work() -> int:
        actor = await console_actor(bureau)
        await begin_recount(actor, (await kept_calendar(actor.bureau)).name)
        return await finish_recounts()

    walks = run(work)
    if as_json:
        print_json({"walks": walks})
    else:
        out.print(f"{walks} walks through the open queue are finished")


async def _told(work: Awaitable[Redated]) -> Redated:
    try:
        return await work
    except Refusal as refused:
        _show_breaches(refused)
        raise


def _show_breaches(refused: Refusal) -> None:
    for breach in refused.details.get("issues", []):
        click.echo(f"{breach['number']} {breach['clock']}: {breach['before']} → {breach['after']}", err=True)


def _date(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise click.BadParameter(f"{text!r} is not a date; write 2027-02-01") from None


def _show(redated: Redated, as_json: bool) -> None:
    if as_json:
        print_json(redated)
        return
    for day in redated.left_out:
        out.print(f"未计入 left out, because it would count after the fact: {day}")
    rows = [(move.number, move.column, _moment(move.before), _moment(move.after)) for move in redated.moves]
    title = "试算,未写入 (dry run, nothing written)" if redated.is_preview else "已修改 (changed)"
    out.print(f"{title}: {redated.version}, {redated.issues} 件事项的期限变动 issues move")
    print_table("", ["issue", "date", "before (UTC)", "after (UTC)"], rows, "")


def _moment(value: object) -> str:
    return "" if value is None else str(value)[:16]
