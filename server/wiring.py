"""What the product is made of: its routes, what phones may see and do, and what follows what. Read this to see it all at once."""

from __future__ import annotations

from functools import cache

from litestar.types import ControllerRouterHandler

from server import moment
from server.devices import handlers as devices
from server.people import handlers as people
from server.questionnaires import handlers as questionnaires
from server.questionnaires import kinds as questionnaire_kinds
from server.records import handlers as records
from server.records import phones as record_operations
from server.records.submission import on_submitted
from server.reports import handlers as reports
from server.reports import kinds as report_kinds
from server.reports.filed import follow_records
from server.routing import handlers as routing
from server.routing import kinds as routing_kinds
from server.sessions import handlers as sessions
from server.settings import read_secret, settings
from sync.configuration import configure


def routers() -> list[ControllerRouterHandler]:
    return [
        people.router,
        sessions.router,
        devices.router,
        questionnaires.router,
        routing.router,
        records.router,
        reports.router,
    ]


@cache
def connect() -> None:
    """Registers kinds, operations and followers; once per process, for the server, the console and the tests alike."""
    questionnaire_kinds.connect()
    routing_kinds.connect()
    record_operations.connect()
    report_kinds.connect()
    on_submitted(follow_records)
    configure(secret=read_secret(settings), now=moment.now)
