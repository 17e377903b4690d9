"""What waits for somebody, over HTTP."""

from __future__ import annotations

from typing import Any

from litestar import Request, get
from litestar.params import FromQuery

from server.issues.duty.waiting import Waiting, list_waiting


@get("/duty/waiting", summary="待归类、待派单、待派经办人")
async def get_waiting(
    request: Request[Any, Any, Any], kind: FromQuery[str] = "", unit: FromQuery[str] = ""
) -> list[Waiting]:
    return await list_waiting(request.user, kind, unit)


HANDLERS = [get_waiting]
