"""Who is asking: a desk session (`qfs_…`) or a phone, by bearer token. Signed-in is the default for every route."""

from __future__ import annotations

from typing import Any

from litestar.connection import ASGIConnection
from litestar.middleware import AbstractAuthenticationMiddleware, AuthenticationResult

from server.accounts.actions import KEY_PREFIX, actor_of_key
from server.people.actions import load_actor
from server.refusals import refusal
from server.sessions.actions import TOKEN_PREFIX, actor_of_session
from sync.devices import authenticate

PASSWORD_CHANGE_PATHS = ("/v1/session",)
"""What a person with a one-time password may still reach."""
PUSH_PATH = "/sync/v1/push"
RX_PATH = "/rx"
FILES_PATH = "/files"


class Authentication(AbstractAuthenticationMiddleware):
    """`request.user` is the Actor, `request.auth` the phone's device (None at a desk)."""

    async def authenticate_request(self, connection: ASGIConnection[Any, Any, Any, Any]) -> AuthenticationResult:
        scheme, _, token = connection.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise refusal("session.required")
        if token.startswith(TOKEN_PREFIX):
            actor, must_change = await actor_of_session(token)
            if must_change and not connection.url.path.startswith(PASSWORD_CHANGE_PATHS):
                raise refusal("password.change_required")
            return AuthenticationResult(user=actor, auth=None)
        if token.startswith(KEY_PREFIX):
            return AuthenticationResult(user=await actor_of_key(token), auth=None)
        device = await authenticate(token, salvage=_hands_in(connection))
        actor = await load_actor(device.bureau, device.person, device.device, even_disabled=device.is_stopped)
        return AuthenticationResult(user=actor, auth=device)


def _hands_in(connection: ASGIConnection[Any, Any, Any, Any]) -> bool:
    """Does this request only bring something? A stopped phone may bring what it recorded while that is salvaged."""
    path, method = connection.url.path, str(connection.scope.get("method", ""))
    if path == PUSH_PATH or (path.startswith(f"{RX_PATH}/") and path.endswith("/push")):
        return method == "POST"
    return (path == FILES_PATH or path.startswith(f"{FILES_PATH}/")) and method in ("POST", "HEAD", "PATCH")
