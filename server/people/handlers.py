"""Units and persons over HTTP."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from litestar import Request, Router, get, post
from litestar.params import FromPath, JSONBody
from msgspec import Struct

from server.door import once
from server.people.actions import AddedPerson, Line, NewPerson, NewUnit, add_person, add_unit, make_password
from server.people.grants.actions import PersonWhole, RoleChange, change_roles, move_person, show_person
from server.people.tables import Person, Unit


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


class Move(Struct, frozen=True, forbid_unknown_fields=True):
    unit: Line
    """Code of the unit this person works in from now on."""


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
    made = await make_password(request.user)
    return await once(request, request.user, lambda: add_person(request.user, data, made=made))  # type: ignore[return-value]


@get("/persons/{login:str}")
async def get_person(request: Request[Any, Any, Any], login: FromPath[str]) -> PersonWhole:
    return await show_person(request.user, login)


@post("/persons/{login:str}/roles")
async def post_roles(request: Request[Any, Any, Any], login: FromPath[str], data: JSONBody[RoleChange]) -> PersonWhole:
    return await once(request, request.user, lambda: change_roles(request.user, login, data))  # type: ignore[return-value]


@post("/persons/{login:str}/move")
async def post_move(request: Request[Any, Any, Any], login: FromPath[str], data: JSONBody[Move]) -> PersonWhole:
    return await once(request, request.user, lambda: move_person(request.user, login, data.unit))  # type: ignore[return-value]


router = Router("/v1", route_handlers=[
    list_units, create_unit, list_persons, create_person, get_person, post_roles, post_move,
], tags=["people"])  # fmt: skip
