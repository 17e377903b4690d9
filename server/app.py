"""Puts the product together: routes, doors, what follows what, start and stop. Nothing imports this module but the server itself."""

from __future__ import annotations

import asyncio
import gc
import io
import logging
import signal
import sys
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from types import FrameType
from typing import TextIO, cast

import structlog
from litestar import Litestar, get
from litestar.config.response_cache import ResponseCacheConfig
from litestar.exceptions import HTTPException
from litestar.middleware import DefineMiddleware
from litestar.openapi.config import OpenAPIConfig
from msgspec import Struct

from server import door, phones, routes, wiring
from server.ahead import ReadAhead
from server.auth import Authentication
from server.description import Description
from server.migrate import pending_migrations
from server.origins import OwnPagesOnly, cors_of
from server.schedule import running_jobs
from server.settings import settings
from sync.refusal import Refusal
from sync.transaction import engine, fetch


class Health(Struct, frozen=True):
    status: str
    database: str
    migrations_pending: int


@get("/health", exclude_from_auth=True, tags=["house"])
async def health() -> Health:
    """Answers when the database does."""
    await fetch("SELECT 1")
    return Health("ok", engine().engine_type, len(await pending_migrations()))


@asynccontextmanager
async def lifespan(_: Litestar) -> AsyncIterator[None]:
    database = engine()
    await database.start()
    _spare_the_collector()
    try:
        async with running_jobs():
            with told_to_stop(phones.hub.stop):
                yield
            await phones.hub.close()
    finally:
        await database.close()


@contextmanager
def told_to_stop(callback: Callable[[], None]) -> Iterator[None]:
    """Calls back when the process is told to stop. A server waits for its open answers before it lets the application know, so
    answers that never end have to hear the signal themselves."""
    loop = asyncio.get_running_loop()
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    is_served = threading.current_thread() is threading.main_thread() and all(map(callable, before.values()))

    def heard(number: int, frame: FrameType | None) -> None:
        loop.call_soon_threadsafe(callback)
        before[signal.Signals(number)](number, frame)  # type: ignore[operator, misc]

    if is_served:
        for number in before:
            signal.signal(number, heard)
    try:
        yield
    finally:
        if is_served:
            for number, handler in before.items():
                signal.signal(number, handler)


def _spare_the_collector() -> None:
    """Modules and routes live as long as the process, so looking through them again and again for garbage is for nothing:
    a tenth of a push's processor time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 50, 50)


class Unfailing(io.TextIOBase):
    """Standard output on which a full disk costs a line of the log, not the answer it speaks of."""

    def write(self, text: str) -> int:
        with suppress(OSError):
            sys.stdout.write(text)
        return len(text)

    def flush(self) -> None:
        with suppress(OSError):
            sys.stdout.flush()


def set_up_logging() -> None:
    """JSON lines with time and level; nothing personal is ever given to a logger."""
    level = logging.getLevelNamesMapping().get(settings.log_level.upper(), logging.INFO)
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.ExceptionRenderer(structlog.tracebacks.ExceptionDictTransformer(show_locals=False)),
            structlog.processors.JSONRenderer(ensure_ascii=False),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(cast(TextIO, Unfailing())),
    )


def create_app() -> Litestar:
    set_up_logging()
    wiring.connect()
    return Litestar(
        route_handlers=[health, *routes.routers()],
        request_class=door.StrictRequest,
        before_request=door.refuse_null_characters,
        middleware=[DefineMiddleware(Authentication, exclude=["^/schema"])],
        exception_handlers={
            Refusal: door.on_refusal,
            HTTPException: door.on_http_exception,
            Exception: door.on_bug,
        },
        plugins=[phones.ChangeSchema()],
        cors_config=cors_of(settings.origins_allowed),
        lifespan=[lifespan],
        logging_config=None,
        request_max_body_size=settings.body_bytes_max,
        response_cache_config=ResponseCacheConfig(default_expiration=None),
        openapi_config=OpenAPIConfig(
            title="Qifang 企访",
            version="1",
            description="Visits, questionnaires and the follow-up queue. Errors are RFC 9457 problem details.",
            render_plugins=[Description()],
        ),
    )


app = door.Envelope(ReadAhead(OwnPagesOnly(create_app())))  # type: ignore[arg-type]
