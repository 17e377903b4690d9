"""Labels of an issue over HTTP."""

from __future__ import annotations

from typing import Any

from litestar import Request, get, post
from litestar.params import FromPath, JSONBody

from server.door import once
from server.issues.labels.actions import LabelChange, LabelOut, change_labels, labels_of


@get("/issues/{issue:str}/labels")
async def get_issue_labels(request: Request[Any, Any, Any], issue: FromPath[str]) -> list[LabelOut]:
    return await labels_of(request.user, issue)


@post("/issues/{issue:str}/labels")
async def post_issue_labels(
    request: Request[Any, Any, Any], issue: FromPath[str], data: JSONBody[LabelChange]
) -> list[LabelOut]:
    return await once(request, request.user, lambda: change_labels(request.user, issue, data))  # type: ignore[return-value]


HANDLERS = [get_issue_labels, post_issue_labels]
