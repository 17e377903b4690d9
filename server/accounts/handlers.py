"""Service accounts over HTTP, for administrators."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from litestar import Request, Router, delete, get, post
from litestar.params import FromPath, JSONBody

from server.accounts.actions import Account, NewAccount, list_accounts, open_account, renew_key, revoke_key


@get("/accounts")
async def get_accounts(request: Request[Any, Any, Any]) -> list[Account]:
    """Keys of other systems, and when each was last used."""
    return await list_accounts(request.user)


@post("/accounts")
async def post_account(request: Request[Any, Any, Any], data: JSONBody[NewAccount]) -> Account:
    """Opens an account for another system. The key stands in this answer and nowhere else; an Idempotency-Key is not
    heeded here, since a kept answer would keep the key."""
    return await open_account(request.user, data)


@post("/accounts/{id:uuid}/key")
async def post_key(request: Request[Any, Any, Any], id: FromPath[UUID]) -> Account:
    """A new key in place of this one, which ends at once."""
    return await renew_key(request.user, id)


@delete("/accounts/{id:uuid}")
async def delete_account(request: Request[Any, Any, Any], id: FromPath[UUID]) -> None:
    """Ends the key."""
    await revoke_key(request.user, id)


router = Router("/v1", route_handlers=[get_accounts, post_account, post_key, delete_account], tags=["accounts"])
