"""The ledger over HTTP."""

from __future__ import annotations

from typing import Any

from litestar import Request, Router, post
from litestar.params import JSONBody
from litestar.response import Stream

from server.exports.ledger.actions import NewLedger, write_ledger

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


@post("/exports/ledger", status_code=200, media_type=XLSX)
async def post_ledger(request: Request[Any, Any, Any], data: JSONBody[NewLedger]) -> Stream:
    """台账: the issues that a list with these filters shows, as a spreadsheet. Its receiver is written into the audit chain."""
    ledger = await write_ledger(request.user, data)
    headers = {"Content-Disposition": f'attachment; filename="ledger-{ledger.number}.xlsx"'}
    return Stream(ledger.pieces(), media_type=XLSX, headers=headers)


router = Router("/v1", route_handlers=[post_ledger], tags=["exports"])
