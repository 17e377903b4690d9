"""The small world measurements run in: a bureau, commissioners with enrolled phones, a published form, records to send."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable, Iterator
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import msgspec
from msgspec import Struct

from bench.bare import Known
from bench.measure import http_request, make_schema
from sync.identity import new_id

CLIENTS = 8
OPERATIONS = 50
"""Per request."""


class Phone(Struct):
    device: UUID
    person: UUID
    token: str
    incarnation: str
    n: int = 0


class World(Struct):
    bureau: UUID
    form_version: UUID
    phones: list[Phone]
    enterprises: list[UUID] = []

    @property
    def known(self) -> Known:
        persons = {phone.device: phone.person for phone in self.phones}
        return Known(self.bureau, persons, self.form_version, {phone.token: phone.person for phone in self.phones})


async def build(
    workbook: bytes,
    media: dict[str, bytes],
    enterprises: int = 0,
    *,
    phones: int = CLIENTS,
    then: Callable[[Any], Awaitable[None]] | None = None,
) -> World:
    """Through the product's own actions; afterwards nothing is connected to the database. `then` may do more as the
    bureau's system."""
    from server import wiring
    from server.devices.actions import offer_enrolment
    from server.enterprises.actions import NewEnterprise, add_enterprise
    from server.enterprises.assignments.actions import assign_enterprise
    from server.people.actions import NewPerson, add_person, found_bureau
    from server.questionnaires.actions import publish_form
    from sync.devices import enrol
    from sync.transaction import engine

    wiring.connect()
    await engine().start()
    await make_schema()
    actor = await found_bureau("bench", "测速局", "360102")
    published = await publish_form(actor, workbook, "bench.xlsx", media)
    enrolled: list[Phone] = []
    firms = []
    for number in range(phones):
        login = f"phone{number}"
        person = await add_person(actor, NewPerson(login=login, name="周访", unit="bench", roles=("commissioner",)))
        incarnation = f"incarnation-{number}"
        device = await enrol((await offer_enrolment(actor, login)).code, incarnation)
        enrolled.append(Phone(device.device, person.id, device.token, incarnation))
    for number in range(enterprises):
        firm = await add_enterprise(actor, NewEnterprise(name=f"测速企业{number}"))
        firms.append(firm.id)
        await assign_enterprise(actor, firm.id, enrolled[number % phones].person)
    if then is not None:
        await then(actor)
    await engine().close()
    return World(actor.bureau, published.version_id, enrolled, firms)


def push_request(phone: Phone, records: Iterator[dict[str, Any]], count: int = OPERATIONS) -> bytes:
    """One push of `count` new records, numbered on from the phone's last."""
    moment = datetime.now(UTC)
    operations = []
    for args in (next(records) for _ in range(count)):
        phone.n += 1
        operations.append(
            {"id": new_id(), "n": phone.n, "op": "record.submit", "target": new_id(), "args": args, "at": moment}
        )
    envelope = {
        "device": phone.device,
        "incarnation": phone.incarnation,
        "acked": phone.n - count,
        "clock": moment,
        "operations": operations,
    }
    return http_request("/sync/v1/push", msgspec.json.encode(envelope), phone.token)


WORDS = "企业反映订单充足但流动资金偏紧希望加快应收账款回笼并协调银行续贷同时用工结构性短缺技能人才难招园区道路与公交班次不便"


def said(dice: random.Random, low: int, high: int) -> str:
    return "".join(dice.choice(WORDS) for _ in range(dice.randint(low, high)))
