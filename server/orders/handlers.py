"""Work orders of other systems over HTTP: imported as a file, and what became of them told back."""

from __future__ import annotations

from typing import Any

from litestar import Request, Router, get, post
from litestar.datastructures import UploadFile
from litestar.params import FromQuery, JSONBody

from server.enterprises.lists.handlers import ENVELOPE_BYTES
from server.orders.actions import OrdersReport, import_orders
from server.orders.news import News, Receipt, list_news, receive_news
from server.orders.reading.mapping import Mapping, read_mapping, shipped
from server.refusals import refusal
from server.settings import settings


async def _sent(request: Request[Any, Any, Any], named: str) -> tuple[bytes, str, Mapping]:
    """The raw body with a shipped mapping, or a form with `file` and, for a mapping of one's own, `mapping`."""
    if not request.headers.get("content-type", "").lower().startswith("multipart/form-data"):
        return await request.body(), "orders", shipped(named)
    parts = await request.form()
    file, own = parts.get("file"), parts.get("mapping")
    if not isinstance(file, UploadFile):
        raise refusal("import.file", reason_zh="表单里没有 file", reason="the form holds no file")
    mapping = read_mapping(named, await own.read()) if isinstance(own, UploadFile) else shipped(named)
    return await file.read(), file.filename, mapping


@post("/orders/import", status_code=200, request_max_body_size=settings.import_bytes_max + ENVELOPE_BYTES)
async def post_orders(
    request: Request[Any, Any, Any],
    mapping: FromQuery[str] = "12345",
    dry_run: FromQuery[bool] = False,
    clocks: FromQuery[str] = "given",
    in_rates: FromQuery[bool] = False,
) -> OrdersReport:
    """CSV or XLSX with work orders. `dry_run` tells what would happen, with every line that does not fit. No
    Idempotency-Key is needed: a number is taken once."""
    request.user.must("issue.import")
    content, name, how = await _sent(request, mapping)
    return await import_orders(request.user, content, name, how, clocks=clocks, in_rates=in_rates, dry_run=dry_run)


@get("/orders/news")
async def get_news(
    request: Request[Any, Any, Any], mapping: FromQuery[str] = "12345", limit: FromQuery[int] = 200
) -> list[News]:
    """Orders of that system with something it has not been told: its number, the state, the answer once signed off."""
    return await list_news(request.user, mapping, limit)


@post("/orders/news/receipts", status_code=200)
async def post_receipts(request: Request[Any, Any, Any], data: JSONBody[list[Receipt]]) -> int:
    """What the other system has taken in; told no more until something happens. Answers how many were known."""
    return await receive_news(request.user, data)


router = Router("/v1", route_handlers=[post_orders, get_news, post_receipts], tags=["orders"])
