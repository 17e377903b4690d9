"""Web apps of others: from which addresses a page in a browser may call the doors of phones (CORS).

They sign in with a device's token, never with a cookie, so what an allowed page may do is what its token may.
"""

from __future__ import annotations

from litestar.config.cors import CORSConfig
from litestar.types import ASGIApp, Receive, Scope, Send

DOORS = ("/rx/", "/sync/v1/", "/files")
"""Where others may call from a browser. The desk, sign-in and signed links are for our own pages."""
REQUEST_HEADERS = [
    "authorization", "content-type", "content-encoding", "last-event-id", "x-request-id", "x-http-method-override",
    "tus-resumable", "upload-checksum", "upload-length", "upload-metadata", "upload-offset",
]  # fmt: skip
ANSWER_HEADERS = [
    "Location", "Retry-After", "Tus-Checksum-Algorithm", "Tus-Extension", "Tus-Max-Size", "Tus-Resumable", "Tus-Version",
    "Upload-Expires", "Upload-Length", "Upload-Metadata", "Upload-Offset", "X-Request-Id",
]  # fmt: skip


def cors_of(origins: list[str]) -> CORSConfig | None:
    """None where nobody else's pages may call: then a browser keeps every answer from them."""
    if not origins:
        return None
    return CORSConfig(
        allow_origins=origins,
        allow_methods=["GET", "POST", "HEAD", "PATCH", "DELETE"],
        allow_headers=REQUEST_HEADERS,
        expose_headers=ANSWER_HEADERS,
    )


class OwnPagesOnly:
    """ASGI, around the application: all doors but those are deaf to the question whether another's page may call."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and not scope["path"].startswith(DOORS):
            scope["headers"] = [pair for pair in scope["headers"] if pair[0].lower() != b"origin"]
        await self.app(scope, receive, send)
