"""Importing a list over HTTP, as a raw body or as the one file of a form."""

from __future__ import annotations

from typing import Any

from litestar import Request, Response, Router, post
from litestar.datastructures import UploadFile
from litestar.params import FromQuery

from server.enterprises.lists.actions import import_enterprises
from server.enterprises.lists.report import ImportReport, report_csv
from server.refusals import refusal
from server.settings import settings

ENVELOPE_BYTES = 64 * 1024
"""What a multipart body may hold beside the file."""


async def _file_of(request: Request[Any, Any, Any]) -> tuple[bytes, str]:
    if not request.headers.get("content-type", "").lower().startswith("multipart/form-data"):
        return await request.body(), "list"
    for value in (await request.form()).values():
        if isinstance(value, UploadFile):
            return await value.read(), value.filename
    raise refusal("import.file", reason_zh="表单里没有文件", reason="the form holds no file")


@post("/enterprises/import", status_code=200, request_max_body_size=settings.import_bytes_max + ENVELOPE_BYTES)
async def post_import(
    request: Request[Any, Any, Any],
    dry_run: FromQuery[bool] = False,
    strict: FromQuery[bool] = False,
    report: FromQuery[str] = "json",
) -> Response[ImportReport | str]:
    """CSV or XLSX. `dry_run` tells what would happen, `strict` refuses a list with any wrong line, `report=csv` answers the
    report as a spreadsheet. No Idempotency-Key is needed: the same list changes nothing the second time."""
    request.user.must("enterprise.import")
    content, name = await _file_of(request)
    done = await import_enterprises(request.user, content, name, dry_run=dry_run, strict=strict)
    if report == "csv":
        headers = {"Content-Disposition": 'attachment; filename="import-report.csv"'}
        return Response(report_csv(done), media_type="text/csv; charset=utf-8", headers=headers)
    return Response(done)


router = Router("/v1", route_handlers=[post_import], tags=["enterprises"])
