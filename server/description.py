"""The OpenAPI description at `/schema/openapi.json`: what the framework reads out of the handlers, completed by what it cannot
know: what an address is for, how it refuses (`server.refusing`), how one signs in."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import Any

from litestar import Litestar, Request
from litestar.openapi.plugins import JsonRenderPlugin
from litestar.routes import HTTPRoute
from litestar.serialization import decode_json, encode_json

from server.issues.states import VERBS
from server.refusing import Name, refusals_of, statuses

METHODS = ("get", "post", "put", "patch", "delete", "head")
EFFECTS: Name = ("server.issues.steps.effects", "EFFECTS")
"""What each verb does beside moving: an address of one verb refuses what that verb's own effect does."""
SIGNED_IN = ("session.required", "password.change_required")
WITH_BODY = ("request.malformed", "request.media_type", "request.too_large", "request.encoding", "request.corrupt")
ALWAYS = ("server.outage",)
PROBLEM = {"$ref": "#/components/schemas/Problem"}
PROBLEM_SCHEMA = {
    "type": "object",
    "description": "RFC 9457. `code` is for programs, `title` (Chinese) and `detail` (English) are for people.",
    "required": ["type", "title", "status", "detail", "code", "request_id"],
    "properties": {
        "type": {"type": "string", "format": "uri-reference"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "code": {"type": "string"},
        "request_id": {"type": "string"},
        "details": {"type": "object", "additionalProperties": True},
    },
}
BEARER = {
    "type": "http",
    "scheme": "bearer",
    "description": "A desk session (POST /v1/session), or the token a phone got when it was enrolled.",
}
PROBLEM_TYPE = "application/problem+json"


class Description(JsonRenderPlugin):
    """Written once per process, when it is first asked for."""

    def __init__(self) -> None:
        super().__init__()
        self._written = b""

    def render(self, request: Request[Any, Any, Any], openapi_schema: dict[str, Any]) -> bytes:
        if not self._written:
            plain = decode_json(super().render(request, openapi_schema))
            self._written = encode_json(described(plain, request.app))
        return self._written


def described(schema: dict[str, Any], app: Litestar) -> dict[str, Any]:
    components = schema.setdefault("components", {})
    components.setdefault("schemas", {})["Problem"] = PROBLEM_SCHEMA
    components["securitySchemes"] = {"bearer": BEARER}
    schema["security"] = [{"bearer": []}]
    schema["jsonSchemaDialect"] = "https://json-schema.org/draft/2020-12/schema"
    for path, method, handler in _handlers(app):
        operation = schema["paths"].get(path, {}).get(method)
        if operation is not None:
            _describe(operation, handler)
    _any_of_unions(schema)
    return schema


def _handlers(app: Litestar) -> Iterator[tuple[str, str, Any]]:
    for route in app.routes:
        if isinstance(route, HTTPRoute):
            for handler in route.route_handlers:
                for method in handler.http_methods:
                    path = "/" + "/".join(
                        f"{{{part.name}}}" if hasattr(part, "name") else str(part) for part in route.path_components
                    )
                    yield path, str(method).lower(), handler


def _describe(operation: dict[str, Any], handler: Any) -> None:
    said = inspect.cleandoc(handler.fn.__doc__ or "")
    if not handler.summary:
        operation["summary"] = said.split("\n\n")[0].replace("\n", " ").split(". ")[0].rstrip(".") or _words(handler)
    if said and not operation.get("description"):
        operation["description"] = said
    is_public = bool(handler.opt.get("exclude_from_auth"))
    if is_public:
        operation["security"] = []
    codes = _codes(handler) | set(ALWAYS)
    codes |= set() if is_public else set(SIGNED_IN)
    codes |= set(WITH_BODY) if "requestBody" in operation else set()
    codes |= {"request.malformed"} if operation.get("parameters") else set()
    by_status: dict[str, list[str]] = {}
    for code in sorted(codes):
        if code in statuses():
            by_status.setdefault(str(statuses()[code][0]), []).append(code)
    responses = operation.setdefault("responses", {})
    for status, those in sorted(by_status.items()):
        responses[status] = _refused(int(status), those)


def _words(handler: Any) -> str:
    return str(handler.fn.__name__).strip("_").replace("_", " ").capitalize()


def _codes(handler: Any) -> set[str]:
    name: str = handler.fn.__name__
    own = (handler.fn.__module__, handler.fn.__qualname__.split(".")[0])
    verb = name.removesuffix("_issue")
    if own == ("server.issues.handlers", "route_for") and verb in VERBS:
        effect = "reply" if verb == "record_reply" else verb
        modules = ("effects", "parts", "joining")
        roots = [own, *((f"server.issues.steps.{module}", effect) for module in modules)]
        roots += [(f"server.issues.joining.{module}", effect) for module in ("links", "merging", "splitting", "common")]
        roots.append(("server.issues.drafts.submitting", effect))
        return refusals_of(roots, without=[EFFECTS])
    return refusals_of([own])


def _refused(status: int, codes: list[str]) -> dict[str, Any]:
    examples = {code: {"value": _example(status, code)} for code in codes}
    lines = "\n".join(f"- `{code}`: {statuses()[code][2]}" for code in codes)
    return {"description": lines, "content": {PROBLEM_TYPE: {"schema": PROBLEM, "examples": examples}}}


def _example(status: int, code: str) -> dict[str, Any]:
    _, zh, en = statuses()[code]
    told = {"type": f"/docs/refusals#{code.replace('.', '')}", "title": zh, "status": status, "detail": en}
    return told | {"code": code, "request_id": "0199…"}


def _any_of_unions(node: Any) -> None:
    """The framework writes every union as `oneOf`, also one whose members overlap (a text, or the empty text), which no
    value could fit."""
    if isinstance(node, dict):
        if "oneOf" in node and "discriminator" not in node:
            node["anyOf"] = node.pop("oneOf")
        for value in node.values():
            _any_of_unions(value)
    elif isinstance(node, list):
        for value in node:
            _any_of_unions(value)
