"""What phones call: enrol, push, pull, hello. The protocol itself is the `sync` library; this is only its HTTP."""

from __future__ import annotations

from typing import Any

from litestar import Request, Router, get, post
from litestar.params import JSONBody

from sync import devices
from sync.devices import DeviceContext
from sync.pull import hello, pull
from sync.push import push
from sync.wire import EnrolRequest, EnrolResponse, HelloResponse, PullRequest, PullResponse, PushRequest, PushResponse

PhoneRequest = Request[Any, DeviceContext, Any]


@post("/enrol", status_code=200, exclude_from_auth=True)
async def post_enrol(data: JSONBody[EnrolRequest]) -> EnrolResponse:
    return await devices.enrol(data.code, data.incarnation, data.name)


@post("/push", status_code=200)
async def post_push(request: PhoneRequest, data: JSONBody[PushRequest]) -> PushResponse:
    return await push(request.auth, data)


@post("/pull", status_code=200)
async def post_pull(request: PhoneRequest, data: JSONBody[PullRequest]) -> PullResponse:
    return await pull(request.auth, data)


@get("/hello")
async def get_hello(request: PhoneRequest) -> HelloResponse:
    return await hello(request.auth)


router = Router("/sync/v1", route_handlers=[post_enrol, post_push, post_pull, get_hello], tags=["phones"])
