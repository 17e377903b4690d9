"""Clock policies over HTTP, and the clocks of one issue at any moment."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from litestar import Request, get, post, put
from litestar.params import FromPath, FromQuery, JSONBody, QueryParameter

from server.clocks.policies.actions import PolicyOut, list_policies
from server.clocks.policies.editions import NewEdition
from server.door import once
from server.issues.policies.actions import ClocksOut, Effect, change_policy, show_clocks


@get("/clock-policies", tags=["clocks"])
async def get_policies(request: Request[Any, Any, Any]) -> list[PolicyOut]:
    """The edition in force of every policy."""
    return await list_policies(request.user)


@get("/clock-policies/{name:str}", tags=["clocks"])
async def get_policy(request: Request[Any, Any, Any], name: FromPath[str]) -> list[PolicyOut]:
    """Every edition of one policy, the newest first."""
    return await list_policies(request.user, name)


@put("/clock-policies/{name:str}", tags=["clocks"])
async def put_policy(
    request: Request[Any, Any, Any], name: FromPath[str], data: JSONBody[NewEdition], forward: FromQuery[bool] = False
) -> Effect:
    """The next edition. With `forward`, one that would make somebody late in the past holds from tomorrow for new issues."""
    return await once(request, request.user, lambda: change_policy(request.user, name, data, forward=forward))  # type: ignore[return-value]


@post("/clock-policies/{name:str}/dry-run", tags=["clocks"], status_code=200)
async def try_policy(request: Request[Any, Any, Any], name: FromPath[str], data: JSONBody[NewEdition]) -> Effect:
    """Which dates of open issues an edition would move. Writes nothing."""
    return await change_policy(request.user, name, data, dry_run=True)


@get("/issues/{issue:str}/clocks", tags=["clocks"])
async def get_clocks(
    request: Request[Any, Any, Any],
    issue: FromPath[str],
    moment: Annotated[datetime | None, QueryParameter(name="at")] = None,
) -> ClocksOut:
    return await show_clocks(request.user, issue, moment)


HANDLERS = [get_policies, get_policy, put_policy, try_policy, get_clocks]
