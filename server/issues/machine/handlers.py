"""The machine of a bureau's issues over HTTP."""

from typing import Any

from litestar import Request, Response, get, post, put
from litestar.params import JSONBody

from server.door import once
from server.issues.machine.actions import (
    MachineOut,
    NewMachine,
    Version,
    change_machine,
    check_machine,
    list_versions,
    show_machine,
)
from server.issues.machine.overlay import Complaint, Overlay
from server.issues.machine.picture import draw_machine


@get("/machine")
async def get_machine(request: Request[Any, Any, Any]) -> MachineOut:
    return await show_machine(request.user)


@put("/machine")
async def put_machine(request: Request[Any, Any, Any], data: JSONBody[NewMachine]) -> MachineOut:
    return await once(request, request.user, lambda: change_machine(request.user, data))  # type: ignore[return-value]


@post("/machine/checks", status_code=200)
async def post_machine_check(request: Request[Any, Any, Any], data: JSONBody[Overlay]) -> list[Complaint]:
    return check_machine(request.user, data)


@get("/machine/versions")
async def get_machine_versions(request: Request[Any, Any, Any]) -> list[Version]:
    return await list_versions(request.user)


@get("/machine/picture")
async def get_machine_picture(request: Request[Any, Any, Any]) -> Response[str]:
    return Response(draw_machine(await show_machine(request.user)), media_type="image/svg+xml")


HANDLERS = [get_machine, put_machine, post_machine_check, get_machine_versions, get_machine_picture]
