"""Every address of the product, concept by concept. Only the server needs them; the console does without."""

from __future__ import annotations

from litestar.types import ControllerRouterHandler

from server import phones, rxdb
from server.accounts import handlers as accounts
from server.alarms import handlers as alarms
from server.audit import handlers as audit
from server.boards import handlers as boards
from server.callbacks import handlers as callbacks
from server.campaigns import handlers as campaigns
from server.campaigns.links import handlers as links
from server.clocks.choosing import handlers as choosing
from server.devices import handlers as devices
from server.enterprises import handlers as enterprises
from server.enterprises.lists import handlers as enterprise_lists
from server.exports.ledger import handlers as ledger
from server.exports.letters import handlers as papers
from server.feedback import handlers as feedback
from server.files import handlers as files
from server.files.reading import handlers as file_reading
from server.issues import handlers as issues
from server.notices.channels import handlers as channels
from server.notices.inbox import handlers as inbox
from server.notices.outbox import handlers as outbox
from server.open311 import handlers as open311
from server.orders import handlers as orders
from server.people import handlers as people
from server.quarantine import handlers as quarantine
from server.questionnaires import handlers as questionnaires
from server.rates import handlers as rates
from server.records import handlers as records
from server.reminders.ladder import handlers as ladder
from server.reporters import handlers as reporters
from server.reports import handlers as reports
from server.routing import handlers as routing
from server.sessions import handlers as sessions
from server.similar import handlers as similar
from server.symposia import handlers as symposia
from server.tasks import handlers as tasks
from server.visits import handlers as visits
from server.worklists import handlers as worklists


def routers() -> list[ControllerRouterHandler]:
    return [
        audit.router,
        people.router,
        sessions.router,
        accounts.router,
        devices.router,
        phones.router,
        rxdb.router,
        quarantine.router,
        feedback.router,
        inbox.router,
        channels.router,
        outbox.router,
        files.router,
        file_reading.router,
        enterprises.router,
        enterprise_lists.router,
        questionnaires.router,
        routing.router,
        choosing.router,
        ladder.router,
        records.router,
        reports.router,
        issues.router,
        similar.router,
        callbacks.router,
        reporters.router,
        reporters.public,
        reporters.get_short,
        rates.router,
        tasks.router,
        worklists.router,
        visits.router,
        symposia.router,
        boards.router,
        alarms.router,
        papers.router,
        ledger.router,
        campaigns.router,
        links.router,
        links.public,
        open311.router,
        orders.router,
    ]
