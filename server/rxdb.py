"""What apps built on RxDB call: pull, push and a stream for each kind. `sync.rx` is the protocol; this is only its HTTP."""

from __future__ import annotations

from litestar import Router, post
from litestar.params import JSONBody
from msgspec import Raw

from server.door import read_with
from server.phones import PhoneRequest, phone_of
from server.refusals import refusal
from sync.operations import kinds, operations_on
from sync.patches import patch_operation
from sync.rx import rx_pull
from sync.rx_push import decode_rx_push, rx_push
from sync.wire import RxPullRequest, RxPullResponse, RxRow

# Read by the library, as a phone's push is: half a pair of UTF-16 must not stop a client for ever.
read_with(list[RxRow], decode_rx_push)


def known(kind: str) -> str:
    """Raises `rx.kind_unknown`."""
    names = [one.name for one in kinds()]
    if kind not in names:
        raise refusal("rx.kind_unknown", kind=kind, kinds=names)
    return kind


@post("/{kind:str}/pull", status_code=200)
async def post_pull(request: PhoneRequest, kind: str, data: JSONBody[RxPullRequest]) -> RxPullResponse:
    return await rx_pull(phone_of(request), known(kind), data)


@post("/{kind:str}/push", status_code=200)
async def post_push(request: PhoneRequest, kind: str, data: JSONBody[list[RxRow]]) -> list[Raw]:
    """The documents of which the server has another state. Raises `rx.read_only` where nothing can be edited by field."""
    device = phone_of(request)
    if patch_operation(known(kind)) is None:
        raise refusal("rx.read_only", kind=kind, operations=operations_on(kind))
    return await rx_push(device, kind, data)


router = Router("/rx", route_handlers=[post_pull, post_push], tags=["rxdb"])
