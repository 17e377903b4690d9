"""`qifang export …`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from server.console import bureau_option, console_actor, json_option, out, print_json, run
from server.exports.ledger.actions import NewLedger, write_ledger


@click.group()
def export() -> None:
    """Files for other offices."""


@export.command("ledger")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--receiver", required=True, help="Whom it is for; written into the file and into the audit chain.")
@click.option(
    "--filter", "filters", multiple=True, metavar="NAME=VALUE", help="As in lists of issues; may be repeated."
)
@bureau_option
@json_option
def export_ledger(file: Path, receiver: str, filters: tuple[str, ...], bureau: str, as_json: bool) -> None:
    """Write the ledger (台账) as a spreadsheet.

    \b
    Example: qifang export ledger ledger.xlsx --receiver 区政府办 --filter state=all --filter category=01
    """
    wanted: dict[str, Any] = {}
    for one in filters:
        name, _, value = one.partition("=")
        wanted[name] = value

    async def work() -> tuple[str, int]:
        ledger = await write_ledger(await console_actor(bureau), NewLedger(receiver=receiver, filters=wanted))
        with file.open("wb") as target:
            for piece in ledger.pieces():
                target.write(piece)
        return ledger.number, ledger.rows

    number, rows = run(work)
    if as_json:
        print_json({"number": number, "rows": rows})
        return
    out.print(f"{file}: {rows} 件 (issues), 编号 {number}")
