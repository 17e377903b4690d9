"""`qifang routing …`."""

from __future__ import annotations

from pathlib import Path
from uuid import UUID

import click

from server.console import bureau_option, console_actor, json_option, out, print_json, print_table, run
from server.routing.actions import Matrix, load_seed, load_taxonomy, matrix_of, preview, read_rules, replace_rules
from server.routing.checking.complaints import Complaint
from server.routing.checking.preview import Asked, Preview, check_rules


@click.group()
def routing() -> None:
    """Which unit leads which category of issue."""


@routing.command("show")
@bureau_option
@json_option
def routing_show(bureau: str, as_json: bool) -> None:
    """Show the routing matrix in force.

    \b
    Example: qifang routing show
    """

    async def work() -> Matrix:
        return await matrix_of((await console_actor(bureau)).bureau)

    matrix = run(work)
    if as_json:
        print_json(matrix)
    else:
        rows = [
            (
                rule.category or "*", rule.place, rule.industry, rule.tier, rule.lead, rule.post, " ".join(rule.co),
                rule.priority or "", rule.note,
            )
            for rule in matrix.rules
        ]  # fmt: skip
        title = f"version {matrix.version}, from {matrix.starts_on}"
        columns = ["category", "place", "industry", "tier", "lead", "post", "co", "priority", "note"]
        print_table(title, columns, rows, "No rules yet: qifang routing load FILE")


@routing.command("load")
@click.argument("file")
@click.option("--note", default="")
@bureau_option
@json_option
def routing_load(file: str, note: str, bureau: str, as_json: bool) -> None:
    """Load a new edition of the matrix from a CSV (category, place, industry, tier, lead, post, co, priority,
    note), or the shipped one by its name.

    \b
    Example: qifang routing load duties.csv
    Example: qifang routing load donghu
    """

    async def work() -> Matrix:
        actor = await console_actor(bureau)
        if not Path(file).exists() and file == "donghu":
            return await load_seed(actor, file)
        if not Path(file).exists():
            raise click.ClickException(f"there is no file {file}")
        await load_taxonomy(actor)
        return await replace_rules(actor, read_rules(Path(file)), note=note or Path(file).name)

    matrix = run(work)
    if as_json:
        print_json({"version": matrix.version, "rules": len(matrix.rules)})
    else:
        out.print(f"version {matrix.version}: {len(matrix.rules)} rules in force from {matrix.starts_on}")
        _show_complaints(matrix.complaints)


@routing.command("check")
@click.argument("file", type=click.Path(exists=True, path_type=Path))
@bureau_option
@json_option
def routing_check(file: Path, bureau: str, as_json: bool) -> None:
    """Show everything that is wrong with a matrix before it is loaded.

    \b
    Example: qifang routing check duties.csv
    """

    async def work() -> list[Complaint]:
        return await check_rules(await console_actor(bureau), read_rules(file))

    complaints = run(work)
    if as_json:
        print_json(complaints)
    else:
        _show_complaints(complaints)
        if not complaints:
            out.print("nothing to complain of")


@routing.command("who")
@click.argument("category")
@click.option("--enterprise", type=click.UUID, default=None, help="Id of a firm; its region, industry and tier count.")
@click.option("--place", default="", help="GB/T 2260 code.")
@click.option("--industry", default="", help="GB/T 4754 code.")
@click.option("--tier", default="")
@click.option("--file", type=click.Path(exists=True, path_type=Path), default=None, help="Try this matrix instead.")
@bureau_option
@json_option
def routing_who(
    category: str, enterprise: UUID | None, place: str, industry: str, tier: str, file: Path | None, bureau: str,
    as_json: bool,
) -> None:  # fmt: skip
    """Show who would get an issue of this category, and why; nothing is written.

    \b
    Example: qifang routing who 0101 --place 360102003
    """

    async def work() -> Preview:
        rules = read_rules(file) if file is not None else None
        asked = Asked(category=category, enterprise=enterprise, place=place, industry=industry, tier=tier, rules=rules)
        return await preview(await console_actor(bureau), asked)

    shown = run(work)
    if as_json:
        print_json(shown)
    else:
        out.print(f"{shown.lead or '-'}  {shown.post}  {shown.person_name}")
        out.print(shown.why_zh)
        out.print(shown.why_en)
        for one in shown.considered:
            out.print(f"  {one.name}  {one.verdict}  {one.load}/{one.capacity or '∞'}  {one.stands_in_for}")


def _show_complaints(complaints: list[Complaint]) -> None:
    for one in complaints:
        out.print(f"line {one.line}: {'' if one.stops else 'note: '}{one.zh} / {one.en}")
