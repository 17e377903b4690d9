"""Changing the taxonomy and the labels over HTTP."""

from __future__ import annotations

from typing import Any

from litestar import Request, get, post, put
from litestar.params import FromPath, JSONBody

from server.door import once
from server.people.actions import Code
from server.routing.taxonomy.actions import (
    CATEGORY,
    LABEL,
    ChangeOut,
    CodeOut,
    Retirement,
    Wording,
    list_changes,
    list_labels,
    put_code,
    retire_code,
)


@put("/categories/{code:str}")
async def put_category(request: Request[Any, Any, Any], code: FromPath[Code], data: JSONBody[Wording]) -> CodeOut:
    return await once(request, request.user, lambda: put_code(request.user, CATEGORY, code, data))  # type: ignore[return-value]


@post("/categories/{code:str}/retirement")
async def post_category_end(
    request: Request[Any, Any, Any], code: FromPath[str], data: JSONBody[Retirement]
) -> CodeOut:
    return await once(request, request.user, lambda: retire_code(request.user, CATEGORY, code, data))  # type: ignore[return-value]


@get("/categories/changes")
async def get_changes(request: Request[Any, Any, Any]) -> list[ChangeOut]:
    return await list_changes(request.user)


@get("/labels")
async def get_labels(request: Request[Any, Any, Any]) -> list[CodeOut]:
    return await list_labels(request.user)


@put("/labels/{code:str}")
async def put_label(request: Request[Any, Any, Any], code: FromPath[Code], data: JSONBody[Wording]) -> CodeOut:
    return await once(request, request.user, lambda: put_code(request.user, LABEL, code, data))  # type: ignore[return-value]


@post("/labels/{code:str}/retirement")
async def post_label_end(request: Request[Any, Any, Any], code: FromPath[str], data: JSONBody[Retirement]) -> CodeOut:
    return await once(request, request.user, lambda: retire_code(request.user, LABEL, code, data))  # type: ignore[return-value]


HANDLERS = [put_category, post_category_end, get_changes, get_labels, put_label, post_label_end]
