"""`qifang order …`: work orders of a hotline, and the ledger a bureau kept before."""

from __future__ import annotations

import sys
from pathlib import Path

import click
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from server.console import EXIT_REFUSED, bureau_option, console_actor, json_option, out, print_json, print_table, run
from server.orders.actions import CLOCKS, OrdersReport, import_orders
from server.orders.news import News, list_news
from server.orders.reading.mapping import SHIPPED, read_mapping, shipped

SHOWN_MAX = 20
"""Lines of each sort that are printed; --json has them all."""


@click.group()
def order() -> None:
    """Work orders of other systems."""


@order.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--mapping", default="12345", show_default=True, help=f"{', '.join(SHIPPED)}, or a file of one's own.")
@click.option("--clocks", type=click.Choice(CLOCKS), default="given", show_default=True, help="From when limits run.")
@click.option("--in-rates", is_flag=True, help="Count imported issues in the rates.")
@click.option("--dry-run", is_flag=True, help="Say what would happen; write nothing.")
@bureau_option
@json_option
def order_import(
    file: Path, mapping: str, clocks: str, in_rates: bool, dry_run: bool, bureau: str, as_json: bool
) -> None:
    """Import work orders or a ledger, CSV or XLSX, and name every line that does not fit.

    \b
    Exit code 1 when lines were left out because they are wrong.
    Example: qifang order import orders.xlsx --mapping 12345 --dry-run
    """
    content = file.read_bytes()

    async def work() -> OrdersReport:
        path = Path(mapping)
        how = (
            shipped(mapping) if mapping in SHIPPED or not path.is_file() else read_mapping(path.stem, path.read_bytes())
        )
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
        with Progress(*columns, disable=as_json or not sys.stderr.isatty()) as bar:
            task = bar.add_task("导入 import", total=None)
            return await import_orders(
                await console_actor(bureau), content, file.name, how, clocks=clocks, in_rates=in_rates, dry_run=dry_run,
                progress=lambda done, total: bar.update(task, completed=done, total=total),
            )  # fmt: skip

    report = run(work)
    if as_json:
        print_json(report)
    else:
        show_report(report)
    if report.invalid:
        sys.exit(EXIT_REFUSED)


def show_report(report: OrdersReport) -> None:
    counts = report.counts
    title = "试导入,未写入 (dry run, nothing written)" if report.dry_run else "已导入 (imported)"
    out.print(
        f"{title}: {counts.rows} 行 rows · 新增 added {counts.added}(已办结 closed {counts.added_closed}) · "
        f"已有 already {counts.already} · 内容不同 changed {counts.changed} · 未对上企业 unmatched {counts.unmatched} · "
        f"有误 invalid {counts.invalid}",
        markup=False,
    )
    wrong = [(one.line, one.name, one.field, one.value, f"{one.zh} / {one.en}") for one in report.invalid[:SHOWN_MAX]]
    if wrong:
        print_table("有误 invalid", ["line", "enterprise", "field", "value", "reason"], wrong, "")
    for title, told in (("内容不同 changed", report.changed), ("未对上企业 unmatched", report.unmatched)):
        if told:
            print_table(
                title,
                ["line", "number", "enterprise"],
                [(t.line, t.number, t.enterprise) for t in told[:SHOWN_MAX]],
                "",
            )


@order.command("news")
@click.option("--mapping", default="12345", show_default=True, help="The system they came from.")
@bureau_option
@json_option
def order_news(mapping: str, bureau: str, as_json: bool) -> None:
    """Show what the other system has not been told yet.

    \b
    Example: qifang order news --json
    """

    async def work() -> list[News]:
        return await list_news(await console_actor(bureau), mapping, SHOWN_MAX if not as_json else 1000)

    found = run(work)
    if as_json:
        print_json(found)
        return
    rows = [(one.number, one.issue, one.state, one.letter, one.reply[:40]) for one in found]
    print_table("", ["number", "issue", "state", "letter", "reply"], rows, "Everything has been told.")
