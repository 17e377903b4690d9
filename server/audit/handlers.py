"""The audit chain over HTTP, for those whose office it is to read it."""

from __future__ import annotations

from typing import Any

from litestar import Request, Router, get
from litestar.params import FromQuery
from msgspec import Struct

from server.audit.actions import AuditEntry, find_break, read_chain
from server.paging import LIMIT_DEFAULT, check_limit


class AuditPage(Struct, frozen=True):
    """Rows in the order they were written; `next` is the `after` of the next page, null at the end."""

    items: list[AuditEntry]
    next: int | None


class ChainState(Struct, frozen=True):
    unbroken: bool
    broken_at: int | None
    """The first row that does not follow from the one before it."""


@get("/audit")
async def get_audit(
    request: Request[Any, Any, Any], after: FromQuery[int] = 0, limit: FromQuery[int] = LIMIT_DEFAULT
) -> AuditPage:
    request.user.must("audit.read")
    rows = await read_chain(request.user.bureau, after=after, limit=check_limit(limit))
    return AuditPage(rows, rows[-1].n if len(rows) == check_limit(limit) else None)


@get("/audit/state")
async def get_state(request: Request[Any, Any, Any]) -> ChainState:
    request.user.must("audit.read")
    broken = await find_break(request.user.bureau)
    return ChainState(broken is None, broken)


router = Router("/v1", route_handlers=[get_audit, get_state], tags=["audit"])
