"""Signing in and out, changing the password."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from litestar import Request, Router, delete, get, post, put
from litestar.params import JSONBody
from msgspec import Struct

from server.sessions.actions import OpenedSession, change_password, sign_in, sign_out


class SignIn(Struct, frozen=True, forbid_unknown_fields=True):
    login: str
    password: str
    bureau: str = ""
    """Code of the bureau; may be left out where logins are unique."""


class NewPassword(Struct, frozen=True, forbid_unknown_fields=True):
    old: str
    new: str


class Me(Struct, frozen=True):
    bureau: UUID
    person: UUID
    name: str
    unit: UUID | None
    roles: list[str]


def bearer(request: Request[Any, Any, Any]) -> str:
    return request.headers["authorization"].partition(" ")[2]


@post("/session", status_code=201, exclude_from_auth=True)
async def open_session(data: JSONBody[SignIn]) -> OpenedSession:
    return await sign_in(data.bureau, data.login, data.password)


@get("/session")
async def show_session(request: Request[Any, Any, Any]) -> Me:
    actor = request.user
    return Me(actor.bureau, actor.person, actor.name, actor.unit, sorted(actor.roles))


@put("/session/password", status_code=204)
async def put_password(request: Request[Any, Any, Any], data: JSONBody[NewPassword]) -> None:
    await change_password(request.user, bearer(request), data.old, data.new)


@delete("/session")
async def close_session(request: Request[Any, Any, Any]) -> None:
    await sign_out(bearer(request))


router = Router("/v1", route_handlers=[open_session, show_session, put_password, close_session], tags=["sessions"])
