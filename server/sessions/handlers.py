"""Signing in and out, changing the password."""

from __future__ import annotations

from functools import cache
from typing import Any
from uuid import UUID

from litestar import Request, Router, delete, get, post, put
from litestar.params import JSONBody
from msgspec import Struct

from server.allowance import Allowance
from server.moment import now
from server.refusals import refusal
from server.sessions.actions import OpenedSession, change_password, sign_in, sign_out
from server.settings import settings


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


@cache
def wrong_passwords() -> Allowance:
    return Allowance(settings.wrong_passwords_per_minute)


def bearer(request: Request[Any, Any, Any]) -> str:
    return request.headers["authorization"].partition(" ")[2]


@post("/session", status_code=201, exclude_from_auth=True)
async def open_session(request: Request[Any, Any, Any], data: JSONBody[SignIn]) -> OpenedSession:
    """Only failures are counted: all desks of a bureau may stand behind one address. Counted before the password is
    judged, so that guesses sent at the same time are each counted."""
    source = request.client.host if request.client else ""
    if wait := wrong_passwords().take(source, now()):
        raise refusal("session.too_often", retry_after=wait)
    opened = await sign_in(data.bureau, data.login, data.password)
    wrong_passwords().give_back(source)
    return opened


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
