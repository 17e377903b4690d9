"""Letters over HTTP. A template is sent as the body, as it is."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from litestar import Request, Response, Router, get, post, put
from litestar.params import FromPath, JSONBody
from msgspec import Struct

from server.door import once
from server.exports.letters.actions import (
    PaperOut,
    TemplateOut,
    list_papers,
    list_templates,
    read_paper,
    read_template,
    replace_template,
    write_paper,
)

DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"


class NewPaper(Struct, frozen=True, forbid_unknown_fields=True):
    kind: str


@get("/issues/{issue:str}/papers")
async def get_papers(request: Request[Any, Any, Any], issue: FromPath[str]) -> list[PaperOut]:
    """受理单、交办单、催办通知书、回访表 written about an issue."""
    return await list_papers(request.user, issue)


@post("/issues/{issue:str}/papers", status_code=201)
async def post_paper(request: Request[Any, Any, Any], issue: FromPath[str], data: JSONBody[NewPaper]) -> PaperOut:
    """Writes one, with the next number of its kind."""
    return await once(request, request.user, lambda: write_paper(request.user, issue, data.kind))  # type: ignore[return-value]


@get("/issues/{issue:str}/papers/{paper:uuid}", media_type=DOCX)
async def get_paper(request: Request[Any, Any, Any], issue: FromPath[str], paper: FromPath[UUID]) -> Response[bytes]:
    """The letter itself, byte for byte as it was written."""
    told, content = await read_paper(request.user, issue, paper)
    headers = {
        "Content-Disposition": f'attachment; filename="{told.kind}-{told.made_at:%Y%m%d}.docx"',
        "ETag": f'"{told.sha256}"',
    }
    return Response(content, headers=headers)


@get("/paper-templates")
async def get_templates(request: Request[Any, Any, Any]) -> list[TemplateOut]:
    """Which templates are in use."""
    return await list_templates(request.user)


@get("/paper-templates/{kind:str}", media_type=DOCX)
async def get_template(request: Request[Any, Any, Any], kind: FromPath[str]) -> Response[bytes]:
    """The template in use, to be changed in a word processor and given back."""
    content = await read_template(request.user, kind)
    return Response(content, headers={"Content-Disposition": f'attachment; filename="{kind}.docx"'})


@put("/paper-templates/{kind:str}")
async def put_template(request: Request[Any, Any, Any], kind: FromPath[str]) -> TemplateOut:
    """The body is a .docx with fields like `{{ number }}`; an empty body goes back to the shipped one."""

    async def work() -> TemplateOut:
        return await replace_template(request.user, kind, await request.body())

    return await once(request, request.user, work)  # type: ignore[return-value]


router = Router(
    "/v1",
    route_handlers=[get_papers, post_paper, get_paper, get_templates, get_template, put_template],
    tags=["letters"],
)
