"""Open311 GeoReport v2 at /open311/v2: read and create, in JSON and XML, with the standard's own errors."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

from litestar import Request, Response, Router, get, post
from litestar.params import FromPath

from server.accounts.actions import KEY_PREFIX, actor_of_key
from server.open311.actions import (
    PAGE_DEFAULT,
    PAGE_MAX,
    Asked,
    bureau_named,
    definition_of,
    list_requests,
    post_request,
    request_of_token,
    services_of,
    show_request,
)  # fmt: skip
from server.open311.answers import MEDIA_TYPES, split_format, written
from server.open311.form import names_in, pairs_of, read_posted
from server.people.actor import Actor
from server.refusals import refusal
from server.settings import settings
from sync.refusal import Refusal

CHANGED = "2026-11-22"
KEYS_WRONG = ("account.key_wrong", "session.required")
Ask = Request[Any, Any, Any]


async def _answer(
    request: Ask, root: str, named: str, work: Callable[[], Awaitable[Any]], status: int = 200
) -> Response[bytes]:
    """Whatever is refused is told in the standard's own way: a list of errors with code and description."""
    _, format = split_format(named, request.headers.get("accept", ""))
    headers: dict[str, str] = {}
    try:
        body = written(root, await work(), format)
    except Refusal as refused:
        status = _status(refused)
        if "retry_after" in refused.details:
            headers["Retry-After"] = str(refused.details["retry_after"])
        body = written(
            "errors", [{"code": status, "description": f"{refused.code}: {refused.zh} / {refused.en}"}], format
        )
    return Response(body, status_code=status, media_type=MEDIA_TYPES[format], headers=headers)


def _status(refused: Refusal) -> int:
    """404 for what is not there, 403 for a key that does not open, 429 for haste, 400 for all else."""
    if refused.code in KEYS_WRONG or refused.status == 403:
        return 403
    return refused.status if refused.status in (404, 429, 503) else 400


async def _account(request: Ask, form: dict[str, str] | None = None) -> Actor:
    """The key stands where the standard has it, in `api_key`, or in the Authorization header, where no log keeps it."""
    header = request.headers.get("authorization", "").removeprefix("Bearer ").strip()
    key = (form or {}).get("api_key") or request.query_params.get("api_key") or header
    if not key.startswith(KEY_PREFIX):
        raise refusal("account.key_wrong")
    actor = await actor_of_key(key)
    named = (form or request.query_params).get("jurisdiction_id")
    if named and await bureau_named(named) != actor.bureau:
        raise refusal("open311.jurisdiction", named=named)
    return actor


@get("/{discovery:str}", exclude_from_auth=True)
async def get_discovery(request: Ask, discovery: FromPath[str]) -> Response[bytes]:
    """`discovery`, `services` or `requests`, with `.json` or `.xml`: where everything is, what may be reported, what was."""
    name, _ = split_format(discovery)
    if name == "services":
        return await _answer(request, "services", discovery, lambda: _services(request))
    if name == "requests":
        return await _answer(request, "service_requests", discovery, lambda: _requests(request))

    async def work() -> dict[str, Any]:
        if name != "discovery":
            raise refusal("route.unknown")
        return _discovery()

    return await _answer(request, "discovery", discovery, work)


@get("/services/{code:str}", exclude_from_auth=True)
async def get_service(request: Ask, code: FromPath[str]) -> Response[bytes]:
    """The attributes a service asks for."""

    async def work() -> dict[str, Any]:
        bureau = await bureau_named(request.query_params.get("jurisdiction_id", ""))
        return await definition_of(bureau, split_format(code)[0])

    return await _answer(request, "service_definition", code, work)


@post("/{requests:str}", exclude_from_auth=True, status_code=201)
async def create_request(request: Ask, requests: FromPath[str]) -> Response[bytes]:
    """Creates a request: a form-encoded body with `api_key`, `service_code`, `description` and the attributes."""
    body = await request.body()

    async def work() -> list[dict[str, Any]]:
        if split_format(requests)[0] != "requests":
            raise refusal("route.unknown")
        form = pairs_of(body)
        actor = await _account(request, form)
        return await post_request(actor, read_posted(form))

    return await _answer(request, "service_requests", requests, work, 201)


@get("/requests/{id:str}", exclude_from_auth=True)
async def get_request(request: Ask, id: FromPath[str]) -> Response[bytes]:
    """One request and how far it is."""

    async def work() -> list[dict[str, Any]]:
        return await show_request(await _account(request), split_format(id)[0])

    return await _answer(request, "service_requests", id, work)


@get("/tokens/{id:str}", exclude_from_auth=True)
async def get_token(request: Ask, id: FromPath[str]) -> Response[bytes]:
    """The request a token stands for."""

    async def work() -> list[dict[str, Any]]:
        return await request_of_token(await _account(request), split_format(id)[0])

    return await _answer(request, "service_requests", id, work)


async def _services(request: Ask) -> list[dict[str, Any]]:
    return await services_of(await bureau_named(request.query_params.get("jurisdiction_id", "")))


async def _requests(request: Ask) -> list[dict[str, Any]]:
    actor, given = await _account(request), request.query_params
    statuses = names_in(given.get("status"))
    if unknown := set(statuses) - {"open", "closed"}:
        raise _wrong("status", sorted(unknown)[0])
    asked = Asked(
        ids=names_in(given.get("service_request_id")), codes=names_in(given.get("service_code")),
        start=_moment(given, "start_date"), end=_moment(given, "end_date"), statuses=statuses,
        page=_whole(given, "page", 1, 1_000_000), page_size=_whole(given, "page_size", PAGE_DEFAULT, PAGE_MAX),
    )  # fmt: skip
    return await list_requests(actor, asked)


def _wrong(name: str, value: str) -> Exception:
    return refusal("open311.form", reason_zh=f"{name} 的值无效:{value[:40]}", reason=f"{name} cannot be {value[:40]}")


def _moment(given: Any, name: str) -> datetime | None:
    text = given.get(name, "").replace(" ", "+")  # a plus sign that nobody escaped
    if not text:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise _wrong(name, text) from None
    return (moment if moment.tzinfo else moment.replace(tzinfo=settings.timezone)).astimezone(UTC)


def _whole(given: Any, name: str, default: int, most: int) -> int:
    text = given.get(name, "")
    if not text:
        return default
    if not (text.isascii() and text.isdigit() and len(text) < 10 and 1 <= int(text) <= most):
        raise _wrong(name, text)
    return int(text)


def _discovery() -> dict[str, Any]:
    return {
        "changeset": f"{CHANGED}T00:00:00Z",
        "contact": "请向本单位管理员申请 api_key / ask the bureau's administrator for an api_key",
        "key_service": "qifang account add",
        "endpoints": [
            {
                "specification": "http://wiki.open311.org/GeoReport_v2",
                "url": f"{settings.address}/open311/v2",
                "changeset": f"{CHANGED}T00:00:00Z",
                "type": "production",
                "formats": ["text/xml", "application/json"],
            }
        ],
    }


router = Router(
    "/open311/v2",
    route_handlers=[get_discovery, get_service, create_request, get_request, get_token],
    tags=["open311"],
)
