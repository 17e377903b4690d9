"""Boards over HTTP: figures, pictures, tables, and the cases behind every cell."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from litestar import Request, Response, Router, get
from litestar.params import FromPath, FromQuery

from server.boards.actions import Asked, Board, Cases, list_cases, show_board, write_board
from server.boards.pictures import draw_board

SVG = {"Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; sandbox"}


@get("/boards/{board:str}")
async def get_board(
    request: Request[Any, Any, Any],
    board: FromPath[str],
    as_of: FromQuery[datetime | None] = None,
    first: FromQuery[date | None] = None,
    last: FromQuery[date | None] = None,
    by: FromQuery[str] = "region",
) -> Board:
    return await show_board(request.user, board, Asked(as_of=as_of, first=first, last=last, by=by))


@get("/boards/{board:str}/cases")
async def get_cases(
    request: Request[Any, Any, Any],
    board: FromPath[str],
    cell: FromQuery[str],
    as_of: FromQuery[datetime | None] = None,
    first: FromQuery[date | None] = None,
    last: FromQuery[date | None] = None,
    by: FromQuery[str] = "region",
    offset: FromQuery[int] = 0,
    limit: FromQuery[int] = 50,
) -> Cases:
    asked = Asked(as_of=as_of, first=first, last=last, by=by)
    return await list_cases(request.user, board, cell, asked, offset=offset, limit=limit)


@get("/boards/{board:str}/table", media_type="text/csv; charset=utf-8")
async def get_table(
    request: Request[Any, Any, Any],
    board: FromPath[str],
    as_of: FromQuery[datetime | None] = None,
    first: FromQuery[date | None] = None,
    last: FromQuery[date | None] = None,
    by: FromQuery[str] = "region",
) -> Response[str]:
    text = await write_board(request.user, board, Asked(as_of=as_of, first=first, last=last, by=by))
    return Response("\ufeff" + text, headers={"Content-Disposition": 'attachment; filename="board.csv"'})


@get("/boards/{board:str}/picture", media_type="image/svg+xml")
async def get_picture(
    request: Request[Any, Any, Any],
    board: FromPath[str],
    as_of: FromQuery[datetime | None] = None,
    first: FromQuery[date | None] = None,
    last: FromQuery[date | None] = None,
    by: FromQuery[str] = "region",
) -> Response[str]:
    shown = await show_board(request.user, board, Asked(as_of=as_of, first=first, last=last, by=by))
    return Response(draw_board(shown), headers=SVG)


router = Router("/v1", route_handlers=[get_board, get_cases, get_table, get_picture], tags=["boards"])
