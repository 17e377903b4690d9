"""`qifang board …`."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path

import click

from server.boards.actions import BOARDS, BY, Asked, Board, Cases, list_cases, show_board, write_board
from server.console import bureau_option, console_actor, json_option, print_json, print_table, run
from server.settings import settings


@click.group()
def board() -> None:
    """Boards: the queue in figures, today or as it stood at any past moment."""


def _asked(as_of: datetime | None, first: datetime | None, last: datetime | None, by: str) -> Asked:
    moment = as_of.replace(tzinfo=as_of.tzinfo or settings.timezone) if as_of is not None else None
    days: list[date | None] = [day.date() if day is not None else None for day in (first, last)]
    return Asked(as_of=moment, first=days[0], last=days[1], by=by)


_NAME = click.argument("name", type=click.Choice(list(BOARDS)))
_AS_OF = click.option("--as-of", type=click.DateTime(["%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d"]),
                      help="As it stood then, in the bureau's time zone.")  # fmt: skip
_FIRST = click.option("--first", type=click.DateTime(["%Y-%m-%d"]), help="First day of its period.")
_LAST = click.option("--last", type=click.DateTime(["%Y-%m-%d"]), help="Last day of its period, included.")
_BY = click.option("--by", type=click.Choice(BY), default="region", help="What the heat table has in its columns.")


@board.command("show")
@_NAME
@_AS_OF
@_FIRST
@_LAST
@_BY
@click.option("--svg", type=click.Path(dir_okay=False, path_type=Path), help="Also draw it into this file.")
@click.option("--csv", "table", type=click.Path(dir_okay=False, path_type=Path), help="Also write it into this file.")
@bureau_option
@json_option
def board_show(
    name: str,
    as_of: datetime | None,
    first: datetime | None,
    last: datetime | None,
    by: str,
    svg: Path | None,
    table: Path | None,
    bureau: str,
    as_json: bool,
) -> None:
    """Show one board.

    \b
    Example: qifang board show units --as-of 2026-09-30T18:00 --csv units.csv
    """
    asked = _asked(as_of, first, last, by)

    async def work() -> tuple[Board, str]:
        actor = await console_actor(bureau)
        return await show_board(actor, name, asked), await write_board(actor, name, asked) if table else ""

    shown, text = run(work)
    if svg is not None:
        from server.boards.pictures import draw_board  # draws with a library that a table does without

        svg.write_text(draw_board(shown), encoding="utf-8")
    if table is not None:
        table.write_text(text, encoding="utf-8-sig")
    if as_json:
        print_json(shown)
        return
    rows = [
        (cell.row, cell.column, cell.n, f"{cell.value:.0%}" if cell.value is not None else "") for cell in shown.cells
    ]
    print_table(
        f"{shown.zh} {shown.as_of.isoformat()[:16]} UTC", ["row", "column", "n", "rate"], rows, "没有数据 (nothing)"
    )


@board.command("open")
@_NAME
@click.argument("cell")
@_AS_OF
@_FIRST
@_LAST
@_BY
@bureau_option
@json_option
def board_open(
    name: str,
    cell: str,
    as_of: datetime | None,
    first: datetime | None,
    last: datetime | None,
    by: str,
    bureau: str,
    as_json: bool,
) -> None:
    """List the cases behind one cell.

    \b
    Example: qifang board open today red
    """

    async def work() -> Cases:
        return await list_cases(await console_actor(bureau), name, cell, _asked(as_of, first, last, by), limit=200)

    cases = run(work)
    if as_json:
        print_json(cases)
        return
    rows = [(one.number or one.id, one.title, one.state_zh, one.lead, one.light) for one in cases.items]
    print_table(f"{cases.cell.zh}: {cases.cell.n}", ["case", "title", "state", "unit", "light"], rows, "没有 (none)")
