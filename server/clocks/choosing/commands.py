"""`qifang policy choices …`."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import click

from server.clocks.choosing.actions import (
    ChoicesOut,
    NewChoices,
    check_choices,
    read_choices,
    replace_choices,
    show_choices,
)
from server.clocks.choosing.rules import Complaint
from server.console import bureau_option, console_actor, json_option, out, print_json, print_table, run


@click.group()
def choices() -> None:
    """Which policy an issue gets when nobody names one."""


@choices.command("show")
@bureau_option
@json_option
def choices_show(bureau: str, as_json: bool) -> None:
    """Show the rules in force.

    \b
    Example: qifang policy choices show
    """

    async def work() -> ChoicesOut:
        return await show_choices(await console_actor(bureau))

    shown = run(work)
    if as_json:
        print_json(shown)
        return
    rows = [(rule.category or "*", rule.urgency, rule.source, rule.policy, rule.zh) for rule in shown.rules]
    title = f"version {shown.version}, from {shown.valid_from}"
    print_table(title, ["category", "urgency", "source", "policy", ""], rows, "No rules: everything is ordinary.")


@choices.command("load")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--from", "valid_from", type=click.DateTime(["%Y-%m-%d"]), help="First day; today when left out.")
@click.option("--note", default="")
@click.option("--check", is_flag=True, help="Only say what speaks against them.")
@bureau_option
@json_option
def choices_load(file: Path, valid_from: datetime | None, note: str, check: bool, bureau: str, as_json: bool) -> None:
    """Load the next edition from a CSV (category, urgency, source, policy, zh, en).

    \b
    Example: qifang policy choices load choices.csv --from 2027-01-01
             qifang policy choices load choices.csv --check
    """
    written = NewChoices(
        rules=read_choices(file), valid_from=valid_from.date() if valid_from else None, note=note or file.name
    )

    async def looked_at() -> list[Complaint]:
        return await check_choices(await console_actor(bureau), written)

    async def work() -> ChoicesOut:
        return await replace_choices(await console_actor(bureau), written)

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
        out.print(f"version {shown.version}: {len(shown.rules)} rules in force from {shown.valid_from}")
