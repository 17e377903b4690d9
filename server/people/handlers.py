"""Desk sessions, units and persons over HTTP."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from litestar import Request, Router, delete, get, post, put
from litestar.params import JSONBody
from msgspec import Struct

from server.door import once
from server.people.actions import AddedPerson, NewPerson, NewUnit, add_person, add_unit
from server.people.sessions import OpenedSession, change_password, sign_in, sign_out
from server.people.tables import Person, Unit


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


class UnitOut(Struct, frozen=True):
    id: UUID
    code: str
    name: str
    kind: str
    parent: UUID | None


class PersonOut(Struct, frozen=True):
    id: UUID
    login: str
    name: str
    unit: UUID


@post("/session", status_code=201, exclude_from_auth=True)
async def open_session(data: JSONBody[SignIn]) -> OpenedSession:
    return await sign_in(data.bureau, data.login, data.password)


@get("/session")
async def show_session(request: Request[Any, Any, Any]) -> Me:
    actor = request.user
    return Me(actor.bureau, actor.person, actor.name, actor.unit, sorted(actor.roles))


@put("/session/password", status_code=204)
async def put_password(request: Request[Any, Any, Any], data: JSONBody[NewPassword]) -> None:
    await change_password(request.user, data.old, data.new)


@delete("/session")
async def close_session(request: Request[Any, Any, Any]) -> None:
    await sign_out(request.headers["authorization"].partition(" ")[2])


@get("/units")
async def list_units(request: Request[Any, Any, Any]) -> list[UnitOut]:
    units = await Unit.of_bureau(request.user.bureau)
    return [UnitOut(unit.id, unit.code, unit.name, unit.kind, unit.parent) for unit in units]


@post("/units")
async def create_unit(request: Request[Any, Any, Any], data: JSONBody[NewUnit]) -> UnitOut:
    async def work() -> UnitOut:
        unit = await add_unit(request.user, data)
        return UnitOut(unit.id, unit.code, unit.name, unit.kind, unit.parent)

    return await once(request, request.user, work)  # type: ignore[return-value]


@get("/persons")
async def list_persons(request: Request[Any, Any, Any]) -> list[PersonOut]:
    request.user.must("person.read")
    persons = await Person.of_bureau(request.user.bureau)
    return [PersonOut(person.id, person.login, person.name, person.unit) for person in persons]


@post("/persons")
async def create_person(request: Request[Any, Any, Any], data: JSONBody[NewPerson]) -> AddedPerson:
    return await once(request, request.user, lambda: add_person(request.user, data))  # type: ignore[return-value]


router = Router("/v1", route_handlers=[
    open_session, show_session, put_password, close_session, list_units, create_unit, list_persons, create_person,
], tags=["people"])  # fmt: skip
