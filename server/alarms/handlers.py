"""Alarms over HTTP."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from litestar import Request, Router, get, post, put
from litestar.params import FromPath, FromQuery, JSONBody

from server.alarms.actions import AlarmOut, Replay, ReplayOut, list_alarms, replay_alarms, see_alarm
from server.alarms.counting.alarm import Rules
from server.alarms.rules import RulesOut, replace_rules, show_rules
from server.door import once
from server.paging import LIMIT_DEFAULT, Page


@get("/alarms", summary="苗头预警 emerging problems")
async def get_alarms(
    request: Request[Any, Any, Any],
    unseen: FromQuery[bool] = False,
    limit: FromQuery[int] = LIMIT_DEFAULT,
    after: FromQuery[str | None] = None,
) -> Page[AlarmOut]:
    return await list_alarms(request.user, is_unseen=unseen, limit=limit, after=after)


@post("/alarms/{alarm:uuid}/seen", status_code=200, summary="已阅 an alarm was seen")
async def post_alarm_seen(request: Request[Any, Any, Any], alarm: FromPath[UUID]) -> AlarmOut:
    return await once(request, request.user, lambda: see_alarm(request.user, alarm))  # type: ignore[return-value]


@post("/alarms/replays", status_code=200, summary="回放 alarms there would have been; stores nothing")
async def post_alarm_replay(request: Request[Any, Any, Any], data: JSONBody[Replay]) -> ReplayOut:
    return await replay_alarms(request.user, data)


@get("/alarms/rules", summary="预警规则 rules of alarms")
async def get_alarm_rules(request: Request[Any, Any, Any]) -> RulesOut:
    return await show_rules(request.user)


@put("/alarms/rules", summary="修改预警规则 other rules of alarms")
async def put_alarm_rules(request: Request[Any, Any, Any], data: JSONBody[Rules]) -> RulesOut:
    return await once(request, request.user, lambda: replace_rules(request.user, data))  # type: ignore[return-value]


router = Router(
    "/v1",
    route_handlers=[get_alarms, post_alarm_seen, post_alarm_replay, get_alarm_rules, put_alarm_rules],
    tags=["alarms"],
)
