"""`qifang ladder …`."""

from __future__ import annotations

from pathlib import Path

import click

from server.console import bureau_option, console_actor, json_option, out, print_json, print_table, run
from server.reminders.ladder.actions import LadderOut, NewLadder, check_ladder, read_ladder, replace_ladder, show_ladder
from server.reminders.ladder.rungs import Complaint


@click.group()
def ladder() -> None:
    """Who is told of what, and in which words."""


@ladder.command("show")
@bureau_option
@json_option
def ladder_show(bureau: str, as_json: bool) -> None:
    """Show every rung in force.

    \b
    Example: qifang ladder show
    """

    async def work() -> LadderOut:
        return await show_ladder(await console_actor(bureau))

    shown = run(work)
    if as_json:
        print_json(shown)
        return
    rows = [
        (rung.topic, rung.clock, " ".join(rung.to) or "-", rung.zh, "own" if rung.is_own else "")
        for rung in shown.rungs
    ]
    print_table(f"version {shown.version}", ["topic", "clock", "to", "中文", ""], rows, "")


@ladder.command("load")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--note", default="")
@click.option("--check", is_flag=True, help="Only say what speaks against it.")
@bureau_option
@json_option
def ladder_load(file: Path, note: str, check: bool, bureau: str, as_json: bool) -> None:
    """Put the bureau's own rungs over the shipped ones, from a CSV (topic, clock, to, zh, en); one without lines goes back.

    \b
    Example: qifang ladder load ladder.csv
             qifang ladder load ladder.csv --check
    """
    written = NewLadder(rungs=read_ladder(file), note=note or file.name)

    async def looked_at() -> list[Complaint]:
        return check_ladder(await console_actor(bureau), written)

    async def work() -> LadderOut:
        return await replace_ladder(await console_actor(bureau), written)

    if check:
        found = run(looked_at)
        if as_json:
            print_json(found)
        else:
            print_table(
                "complaints", ["at", "中文", "English"], [(one.at, one.zh, one.en) for one in found], "It fits."
            )
        return
    shown = run(work)
    if as_json:
        print_json(shown)
    else:
        own = sum(rung.is_own for rung in shown.rungs)
        out.print(f"version {shown.version}: {own} rungs of the bureau's own are in force")
