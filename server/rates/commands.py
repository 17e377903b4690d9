"""`qifang rates`."""

from __future__ import annotations

from datetime import datetime

import click

from server.console import bureau_option, console_actor, json_option, print_json, print_table, run
from server.rates.actions import RateOut, RatesOut, count_rates
from server.rates.counting import PARTS


@click.command("rates")
@click.argument("first", metavar="FIRST", type=click.DateTime(["%Y-%m-%d"]))
@click.argument("last", metavar="LAST", type=click.DateTime(["%Y-%m-%d"]))
@click.option("--by", type=click.Choice(PARTS), default="unit", show_default=True)
@bureau_option
@json_option
def rates(first: datetime, last: datetime, by: str, bureau: str, as_json: bool) -> None:
    """Show the rates of a period, from its FIRST day through its LAST, with n beside each.

    \b
    Example: qifang rates 2026-09-01 2026-09-30 --by category
    """

    async def work() -> RatesOut:
        return await count_rates(await console_actor(bureau), first.date(), last.date(), by)

    told = run(work)
    if as_json:
        print_json(told)
        return
    parts = [("全部 all", told.whole), *((f"{part.name} {part.key}".strip() or "-", part.rates) for part in told.parts)]
    rows = [(name, *map(_cell, lines)) for name, lines in parts]
    columns = ["", *(line.zh for line in told.whole)]
    print_table(
        f"{told.first} – {told.last}", columns, rows, "这一时期没有可统计的事项 / nothing to count in this period"
    )


def _cell(rate: RateOut) -> str:
    return f"– (n={rate.n})" if rate.value is None else f"{rate.value:.1%} (n={rate.n})"
