"""`qifang form …`: check a workbook, publish it, list what is published, see what changed between two workbooks."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
import msgspec

from forms.compare import compare
from forms.xlsform import Conversion
from server.console import EXIT_REFUSED, bureau_option, console_actor, json_option, out, print_json, print_table, run
from server.questionnaires.actions import ComplaintOut, PublishedForm, check_workbook, complaints_out, publish_form
from server.questionnaires.tables import Form, FormVersion
from sync.refusal import Refusal

workbook_argument = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.group()
def form() -> None:
    """Questionnaires: XLSForm workbooks in, published versions out."""


@form.command("publish")
@click.argument("files", nargs=-1, required=True, type=workbook_argument)
@click.option("--media", multiple=True, type=workbook_argument, help="A file the forms need beside them; repeat it.")
@bureau_option
@json_option
def form_publish(files: tuple[Path, ...], media: tuple[Path, ...], bureau: str, as_json: bool) -> None:
    """Publish workbooks. One that has a mistake is not published, and every mistake is shown; the others are.

    \b
    Example: qifang form publish visit_record.xlsx --media regions.csv --media industries.csv
    """

    async def work() -> list[PublishedForm | Refusal]:
        actor = await console_actor(bureau)
        beside = {path.name: path.read_bytes() for path in media}
        results: list[PublishedForm | Refusal] = []
        for path in files:
            try:
                results.append(await publish_form(actor, path.read_bytes(), path.name, beside))
            except Refusal as refused:
                results.append(refused)
        return results

    results = run(work)
    if as_json:
        print_json([_as_json(path, result) for path, result in zip(files, results, strict=True)])
    else:
        for path, result in zip(files, results, strict=True):
            _show_result(path, result)
    if any(isinstance(result, Refusal) for result in results):
        sys.exit(EXIT_REFUSED)


@form.command("check")
@click.argument("file", type=workbook_argument)
@click.option("--media", multiple=True, type=workbook_argument, help="A file the form needs beside it; repeat it.")
@json_option
def form_check(file: Path, media: tuple[Path, ...], as_json: bool) -> None:
    """Convert a workbook and show what is wrong with it. Stores nothing and needs no database.

    \b
    Example: qifang form check visit_record.xlsx
    """
    conversion = _convert(file, as_json, {path.name: path.read_bytes() for path in media})
    if as_json:
        warnings = complaints_out(conversion.warnings)
        print_json({"form": conversion.form.id, "version": conversion.form.version, "warnings": warnings})
        return
    out.print(f"{file}: {conversion.form.id} {conversion.form.version} 可以发布 / can be published")
    _show_complaints("提示 / warnings", complaints_out(conversion.warnings))


@form.command("compare")
@click.argument("before", type=workbook_argument)
@click.argument("after", type=workbook_argument)
@json_option
def form_compare(before: Path, after: Path, as_json: bool) -> None:
    """Show what changed between two workbooks, and what that does to answers already given.

    \b
    Example: qifang form compare visit_record_2025.xlsx visit_record_2026.xlsx
    """
    changes = compare(_convert(before, as_json, {}).form, _convert(after, as_json, {}).form)
    if as_json:
        print_json(changes)
        return
    rows = [(".".join(one.path), one.severity, f"{one.zh}\n{one.en}") for one in changes]
    print_table("", ["where", "severity", "what"], rows, "没有变化 / nothing changed")


@form.command("list")
@bureau_option
@json_option
def form_list(bureau: str, as_json: bool) -> None:
    """Show the published forms and their current versions.

    \b
    Example: qifang form list --json
    """

    async def work() -> list[dict[str, Any]]:
        actor = await console_actor(bureau)
        forms = await Form.of_bureau(actor.bureau)
        versions = await FormVersion.select(FormVersion.id, FormVersion.version).where(
            FormVersion.bureau == actor.bureau
        )
        names = {row["id"]: row["version"] for row in versions}
        return [
            {
                "form_id": row.form_id,
                "version": names[row.current],
                "title": msgspec.json.decode(row.title),
                "retired_at": row.retired_at,
            }
            for row in forms
        ]

    forms = run(work)
    if as_json:
        print_json(forms)
        return
    rows = [(one["form_id"], one["version"], " / ".join(one["title"].values()), one["retired_at"]) for one in forms]
    print_table("", ["form", "version", "title", "retired"], rows, "No forms yet: qifang form publish FILE.xlsx")


def _convert(file: Path, as_json: bool, media: dict[str, bytes]) -> Conversion:
    try:
        return asyncio.run(check_workbook(file.read_bytes(), file.name, media))
    except Refusal as refused:
        if as_json:
            print_json(_as_json(file, refused))
        else:
            _show_result(file, refused)
        sys.exit(EXIT_REFUSED)


def _show_result(path: Path, result: PublishedForm | Refusal) -> None:
    if isinstance(result, Refusal):
        click.echo(f"{path}: {result.code}: {result.zh} / {result.en}", err=True)
        _show_complaints("", result.details.get("complaints", []))
        return
    word = "已发布 / published" if result.is_new else "内容相同,早已发布 / published before, the same content"
    out.print(f"{path}: {result.form_id} {result.version} {word}")
    _show_complaints("提示 / warnings", result.warnings)


def _show_complaints(title: str, complaints: Sequence[ComplaintOut]) -> None:
    rows = [
        (f"{one.sheet} {one.row or ''} {one.column}".strip(), f"{one.zh}\n{one.en}", one.instead) for one in complaints
    ]
    if rows:
        print_table(title, ["位置 / where", "问题 / what", "改为 / instead"], rows, "")


def _as_json(path: Path, result: PublishedForm | Refusal) -> object:
    if isinstance(result, Refusal):
        return {
            "file": str(path),
            "code": result.code,
            "zh": result.zh,
            "en": result.en,
            "complaints": result.details.get("complaints", []),
        }
    return {"file": str(path), "published": result}
