"""What the product is made of: its routes, what phones may see and do, and what follows what. Read this to see it all at once."""

from __future__ import annotations

from functools import cache

from litestar.types import ControllerRouterHandler

from server.people import handlers as people
from server.sessions import handlers as sessions


def routers() -> list[ControllerRouterHandler]:
    return [people.router, sessions.router]


@cache
def connect() -> None:
    """Registers kinds, operations and followers; once per process, for the server, the console and the tests alike."""
