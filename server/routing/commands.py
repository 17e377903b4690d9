"""`qifang routing …`."""

from __future__ import annotations

from pathlib import Path

import click

from server.console import bureau_option, console_actor, json_option, out, print_json, print_table, run
from server.routing.actions import Matrix, load_seed, load_taxonomy, matrix_of, read_rules, replace_rules


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
        rows = [(rule.category or "*", rule.place, rule.lead, " ".join(rule.co), rule.note) for rule in matrix.rules]
        title = f"version {matrix.version}, from {matrix.starts_on}"
        print_table(title, ["category", "place", "lead", "co", "note"], rows, "No rules yet: qifang routing load FILE")


@routing.command("load")
@click.argument("file")
@click.option("--note", default="")
@bureau_option
@json_option
def routing_load(file: str, note: str, bureau: str, as_json: bool) -> None:
    """Load a new edition of the matrix from a CSV (category, place, lead, co, note), or the shipped one by its name.

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
