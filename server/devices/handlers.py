"""Phones of the bureau over HTTP."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from litestar import Request, Router, get, post
from litestar.params import FromPath, FromQuery, JSONBody
from msgspec import Struct

from server.devices.actions import Enrolment, list_phones, offer_enrolment, take_away
from server.door import once
from sync.devices import Device


class NewEnrolment(Struct, frozen=True, forbid_unknown_fields=True):
    login: str


class Revoked(Struct, frozen=True):
    devices: int


@post("/enrolments")
async def create_enrolment(request: Request[Any, Any, Any], data: JSONBody[NewEnrolment]) -> Enrolment:
    return await once(request, request.user, lambda: offer_enrolment(request.user, data.login))  # type: ignore[return-value]


@get("/devices")
async def list_all(request: Request[Any, Any, Any]) -> list[Device]:
    return await list_phones(request.user)


@post("/devices/{device:uuid}/revocation")
async def create_revocation(
    request: Request[Any, Any, Any], device: FromPath[UUID], salvage_days: FromQuery[int | None] = None
) -> Revoked:
    """`salvage_days`: for how long the phone may still hand in what it recorded; 0 when a thief may have it."""
    return Revoked(await take_away(request.user, device, salvage_days))


router = Router("/v1", route_handlers=[create_enrolment, list_all, create_revocation], tags=["devices"])
