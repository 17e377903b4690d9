"""`qifang enterprise …`: import a list, look at the registry, put somebody in charge."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TextIO
from uuid import UUID

import click
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from server.console import EXIT_REFUSED, bureau_option, console_actor, json_option, out, print_json, print_table, run
from server.enterprises.actions import find_by_code, list_enterprises
from server.enterprises.assignments.actions import Assigned, assign_enterprise
from server.enterprises.lists.actions import import_enterprises
from server.enterprises.lists.difference import Invalid
from server.enterprises.lists.report import ImportReport, report_csv
from server.enterprises.removal.actions import remove_enterprise, restore_enterprise
from server.enterprises.tables import Enterprise
from server.paging import LIMIT_MAX
from server.people.tables import Person
from server.refusals import refusal
from sync.refusal import Refusal

SHOWN_MAX = 20
"""Lines of each sort that are printed; --json and --report have them all."""


@click.group()
def enterprise() -> None:
    """The registry of enterprises."""


@enterprise.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--dry-run", is_flag=True, help="Say what would happen; write nothing.")
@click.option("--strict", is_flag=True, help="Import nothing if any line is wrong.")
@click.option(
    "--report", "report_file", type=click.File("w", encoding="utf-8", lazy=False), help="Write the report as CSV."
)
@bureau_option
@json_option
def enterprise_import(
    file: Path, dry_run: bool, strict: bool, report_file: TextIO | None, bureau: str, as_json: bool
) -> None:
    """Import a list of enterprises, CSV or XLSX, and say what changed.

    \b
    Exit code 1 when lines were left out because they are wrong.
    Example: qifang enterprise import enterprises.csv --dry-run
    """
    content = file.read_bytes()

    async def work() -> ImportReport:
        actor = await console_actor(bureau)
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
        with Progress(*columns, disable=as_json or not sys.stderr.isatty()) as bar:
            task = bar.add_task("导入 import", total=None)
            try:
                return await import_enterprises(
                    actor,
                    content,
                    file.name,
                    dry_run=dry_run,
                    strict=strict,
                    progress=lambda done, total: bar.update(task, completed=done, total=total),
                )
            except Refusal as refused:
                _show_invalid(refused.details.get("invalid", []))
                raise

    report = run(work)
    if report_file is not None:
        report_file.write(report_csv(report))
    if as_json:
        print_json(report)
    else:
        show_report(report)
    if report.invalid:
        sys.exit(EXIT_REFUSED)


def show_report(report: ImportReport) -> None:
    counts = report.counts
    title = "试导入,未写入 (dry run, nothing written)" if report.dry_run else "已导入 (imported)"
    out.print(
        f"{title}: {counts.rows} 行 rows · 新增 added {counts.added} · 变更 changed {counts.changed} · "
        f"不变 unchanged {counts.unchanged} · 名单外 unmatched {counts.unmatched} · 有误 invalid {counts.invalid} · "
        f"分配 assigned {counts.assigned}"
    )
    if report.ignored_columns:
        out.print(f"未使用的列 ignored columns: {', '.join(report.ignored_columns)}", markup=False)
    changes = [
        (firm.line, firm.name, change.field, change.old, change.new)
        for firm in report.changed
        for change in firm.fields
    ]
    _show("变更 changed", ["line", "name", "field", "old", "new"], changes)
    _show("名单外 unmatched", ["code", "name"], [(firm.credit_code, firm.name) for firm in report.unmatched])
    _show_invalid(report.invalid)
    for person in report.above_cap:
        out.print(
            f"提醒: {person.name} 负责 {person.count} 家企业 / looks after {person.count} enterprises", markup=False
        )


def _show_invalid(wrong: Sequence[Invalid]) -> None:
    lines = [(one.line, one.name or one.credit_code, one.field, one.value, f"{one.zh} / {one.en}") for one in wrong]
    _show("有误 invalid", ["line", "enterprise", "field", "value", "reason"], lines)


def _show(title: str, columns: list[str], rows: Sequence[tuple[object, ...]]) -> None:
    if rows:
        more = (
            f" (前 {SHOWN_MAX} 条,共 {len(rows)} 条 / first {SHOWN_MAX} of {len(rows)})"
            if len(rows) > SHOWN_MAX
            else ""
        )
        print_table(title + more, columns, rows[:SHOWN_MAX], "")


@enterprise.command("list")
@click.argument("query", default="")
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1, LIMIT_MAX))
@bureau_option
@json_option
def enterprise_list(query: str, limit: int, bureau: str, as_json: bool) -> None:
    """Show enterprises by name; QUERY is part of a name, a code or the reading of a name.

    \b
    Example: qifang enterprise list nchm
    """

    async def work() -> list[Enterprise]:
        return await list_enterprises(await console_actor(bureau), query=query, after=None, limit=limit)

    rows = run(work)
    if as_json:
        print_json(
            [
                {"id": row.id, "credit_code": row.credit_code, "temporary_id": row.temporary_id, "name": row.name}
                for row in rows
            ]
        )
    else:
        lines = [(row.credit_code or row.temporary_id, row.name, row.tier, row.status) for row in rows]
        print_table("", ["code", "name", "tier", "status"], lines, "No enterprises yet: qifang enterprise import FILE")


@enterprise.command("remove")
@click.argument("code")
@click.option("--reason", required=True, help="Why it should never have been written down.")
@bureau_option
@json_option
def enterprise_remove(code: str, reason: str, bureau: str, as_json: bool) -> None:
    """Take an enterprise that was added by mistake out of the registry. CODE is a credit code or a temporary id.

    \b
    Example: qifang enterprise remove T-DONGHU-000042 --reason 误录
    """

    async def work() -> Enterprise:
        actor = await console_actor(bureau)
        row = await find_by_code(actor.bureau, code)
        if row is None:
            raise refusal("enterprise.unknown")
        return await remove_enterprise(actor, row.id, reason)

    _tell(run(work), as_json)


@enterprise.command("restore")
@click.argument("id", type=click.UUID)
@bureau_option
@json_option
def enterprise_restore(id: UUID, bureau: str, as_json: bool) -> None:
    """Put an enterprise that was removed back into the registry.

    \b
    Example: qifang enterprise restore 7c470500-be11-432f-bef8-31a311af0b31
    """

    async def work() -> Enterprise:
        return await restore_enterprise(await console_actor(bureau), id)

    _tell(run(work), as_json)


def _tell(row: Enterprise, as_json: bool) -> None:
    if as_json:
        print_json({"id": row.id, "credit_code": row.credit_code, "temporary_id": row.temporary_id, "name": row.name})
    else:
        out.print(f"{row.id} {row.name}", markup=False)


@enterprise.command("assign")
@click.argument("code")
@click.option("--to", "login", required=True, help="Login of the person who looks after it from today.")
@bureau_option
@json_option
def enterprise_assign(code: str, login: str, bureau: str, as_json: bool) -> None:
    """Put somebody in charge of an enterprise. CODE is a credit code or a temporary id.

    \b
    Example: qifang enterprise assign 9136010200000TE17L --to zhou
    """

    async def work() -> Assigned:
        actor = await console_actor(bureau)
        row = await find_by_code(actor.bureau, code)
        if row is None:
            raise refusal("enterprise.unknown")
        person = await Person.objects().get((Person.bureau == actor.bureau) & (Person.login == login))
        if person is None:
            raise refusal("person.unknown")
        return await assign_enterprise(actor, row.id, person.id)

    made = run(work)
    if as_json:
        print_json(made)
    else:
        out.print(f"{code} → {login}")
        for warning in made.warnings:
            out.print(f"提醒: {warning.zh} / {warning.en}")
