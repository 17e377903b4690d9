"""`qifang alarm …`."""

from __future__ import annotations

from datetime import datetime

import click
from msgspec.structs import replace

from server.alarms.actions import AlarmOut, Replay, ReplayOut, list_alarms, replay_alarms
from server.alarms.rules import rules_of
from server.console import bureau_option, console_actor, json_option, print_json, print_table, run
from server.paging import LIMIT_MAX, Page


@click.group()
def alarm() -> None:
    """Alarms: many enterprises begin to say the same."""


@alarm.command("list")
@click.option("--unseen", is_flag=True, help="Only those nobody has seen yet.")
@bureau_option
@json_option
def alarm_list(unseen: bool, bureau: str, as_json: bool) -> None:
    """List the alarms that were raised, the newest first.

    \b
    Example: qifang alarm list --unseen
    """

    async def work() -> Page[AlarmOut]:
        return await list_alarms(await console_actor(bureau), is_unseen=unseen, limit=LIMIT_MAX, after=None)

    page = run(work)
    if as_json:
        print_json(page)
        return
    rows = [
        (one.day, f"{one.category} {one.category_zh}", one.region, one.enterprises, f"{one.baseline:.1f}",
         f"{one.ratio:.1f}", "" if one.seen_at is None else "seen")
        for one in page.items
    ]  # fmt: skip
    columns = ["day", "category", "region", "enterprises", "per week", "ratio", ""]
    print_table("苗头预警 alarms", columns, rows, "没有预警 (none)")


@alarm.command("replay")
@click.argument("first", metavar="FIRST", type=click.DateTime(["%Y-%m-%d"]))
@click.argument("last", metavar="LAST", type=click.DateTime(["%Y-%m-%d"]))
@click.option("--enterprises-min", type=click.IntRange(2, 10_000), help="Instead of the rule in force.")
@click.option("--ratio-min", type=click.FloatRange(1, 1000), help="Instead of the rule in force.")
@click.option("--cool-down-days", type=click.IntRange(1, 365), help="Instead of the rule in force.")
@bureau_option
@json_option
def alarm_replay(
    first: datetime,
    last: datetime,
    enterprises_min: int | None,
    ratio_min: float | None,
    cool_down_days: int | None,
    bureau: str,
    as_json: bool,
) -> None:
    """Show the alarms there would have been from FIRST through LAST, week by week. Stores nothing.

    \b
    Example: qifang alarm replay 2026-06-01 2026-09-30 --ratio-min 3
    """
    given = {"enterprises_min": enterprises_min, "ratio_min": ratio_min, "cool_down_days": cool_down_days}

    async def work() -> ReplayOut:
        actor = await console_actor(bureau)
        changes = {name: value for name, value in given.items() if value is not None}
        rules = replace((await rules_of(actor.bureau))[1], **changes)
        return await replay_alarms(actor, Replay(first=first.date(), last=last.date(), rules=rules))

    told = run(work)
    if as_json:
        print_json(told)
        return
    rows = [
        (week.monday, one.day, f"{one.category} {one.category_zh}", one.region, one.enterprises, f"{one.baseline:.1f}",
         f"{one.ratio:.1f}")
        for week in told.weeks
        for one in week.alarms
    ]  # fmt: skip
    columns = ["week", "day", "category", "region", "enterprises", "per week", "ratio"]
    print_table(f"{told.n} / {len(told.weeks)} weeks", columns, rows, "没有预警 (none)")
