"""Rates over HTTP."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any

from litestar import Request, Router, get
from litestar.params import FromQuery, QueryParameter

from server.rates.actions import RatesOut, count_rates


@get("/rates")
async def get_rates(
    request: Request[Any, Any, Any],
    first: Annotated[date, QueryParameter(name="from")],
    last: Annotated[date, QueryParameter(name="to")],
    by: FromQuery[str] = "unit",
) -> RatesOut:
    """Both days are among the period. What each rate means: docs/rates.md."""
    return await count_rates(request.user, first, last, by)


router = Router("/v1", route_handlers=[get_rates], tags=["rates"])
