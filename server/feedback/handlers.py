"""Complaints and suggestions about the software over HTTP."""

from __future__ import annotations

from typing import Any

from litestar import Request, Router, get, post
from litestar.params import FromQuery, JSONBody

from server.door import once
from server.feedback.actions import FeedbackOut, NewFeedback, list_feedback, send_feedback
from server.paging import LIMIT_DEFAULT, Page


@get("/feedback")
async def get_feedback(
    request: Request[Any, Any, Any], after: FromQuery[str] = "", limit: FromQuery[int] = LIMIT_DEFAULT
) -> Page[FeedbackOut]:
    return await list_feedback(request.user, after=after, limit=limit)


@post("/feedback")
async def post_feedback(request: Request[Any, Any, Any], data: JSONBody[NewFeedback]) -> FeedbackOut:
    return await once(request, request.user, lambda: send_feedback(request.user, data))  # type: ignore[return-value]


router = Router("/v1", route_handlers=[get_feedback, post_feedback], tags=["feedback"])
