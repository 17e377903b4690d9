"""What happens when two do something at the same time: nobody is told of a bug, and it happens once."""

import asyncio
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from server.moment import at
from server.people.tables import Person, Unit
from sync.transaction import fetch, is_postgres, transaction
from tests.server.conftest import PASSWORD
from tests.server.fieldwork import enterprises, phone
from tests.server.test_callbacks import WELL, hire, signed_off
from tests.server.test_issues import FRIDAY, do, filed, report

pytestmark = pytest.mark.anyio


async def test_a_desk_write_sent_twice_at_the_same_time_acts_once_and_is_answered_twice(donghu):
    body, headers = {"code": "tax", "name": "区税务局"}, {"Idempotency-Key": "k-1"}
    answers = await asyncio.gather(
        *(donghu.chen.client.post("/v1/units", json=body, headers=headers) for _ in range(4))
    )
    assert [answer.status_code for answer in answers] == [201] * 4
    assert len({answer.text for answer in answers}) == 1
    assert await Unit.count().where(Unit.code == "tax") == 1


async def test_a_refused_write_leaves_its_key_free(donghu):
    headers = {"Idempotency-Key": "k-2"}
    body = {"code": "tax", "name": "区税务局", "parent": "nowhere"}
    refused = await donghu.chen.client.post("/v1/units", json=body, headers=headers)
    assert refused.json()["code"] == "unit.unknown"
    again = await donghu.chen.client.post("/v1/units", json=body | {"parent": "sme"}, headers=headers)
    assert again.status_code == 201


async def test_two_desk_writes_that_block_each_other_both_succeed(donghu):
    """Each locks one unit and then the other's; a database that sees it gives one up, and that one is done again."""
    if not is_postgres():
        pytest.skip("SQLite has one writer, so two never wait crosswise")
    from server.door import once

    class Asked:
        headers: dict[str, str] = {}

    actor = await donghu.chen.actor()
    first, second = [row["id"] for row in await Unit.select(Unit.id).where(Unit.bureau == donghu.bureau).limit(2)]
    both = asyncio.Barrier(2)
    tries: list[Any] = []

    def crossing(one: Any, other: Any) -> Any:
        async def work() -> str:
            tries.append(one)
            async with transaction():
                await fetch("SELECT id FROM unit WHERE id = $1 FOR UPDATE", [one])
                if len(tries) <= 2:
                    await both.wait()
                await fetch("SELECT id FROM unit WHERE id = $1 FOR UPDATE", [other])
            return "done"

        return work

    works = [once(Asked(), actor, crossing(*pair)) for pair in ((first, second), (second, first))]  # type: ignore[arg-type]
    assert await asyncio.gather(*works) == ["done", "done"]
    assert len(tries) == 3


async def test_wrong_passwords_sent_at_the_same_time_are_all_counted(donghu):
    from server.passwords import hash_password
    from server.settings import settings

    await Person.update({Person.password_hash: await hash_password(PASSWORD)}).where(Person.login == "lin")
    guesses = [
        donghu.door.post("/v1/session", json={"login": "lin", "password": f"guess {n}"})
        for n in range(settings.login_failures_max)
    ]
    await asyncio.gather(*guesses)
    locked = await donghu.door.post("/v1/session", json={"login": "lin", "password": PASSWORD})
    assert (locked.status_code, locked.json()["code"]) == (429, "session.locked")


async def test_two_reporters_called_at_the_same_time_close_the_issue(donghu):
    into, gone = await filed(donghu, report(donghu, 1), report(donghu, 2))
    await do(donghu.lin, gone, "merge", into=into, reason="同一问题")
    await signed_off(donghu, into)
    other = await hire(donghu, "kong", "donghu", "callback_officer")
    callers = ((donghu.qian, 1), (other, 2))
    await asyncio.gather(*(do(caller, into, "callbacks", **WELL, report=str(UUID(int=n))) for caller, n in callers))
    assert (await donghu.lin.client.get(f"/v1/issues/{into}")).json()["state"] == "CLOSED"


async def test_a_verb_used_while_the_calendar_changes_is_not_undone(donghu):
    from server.issues import actions
    from server.worktime.actions import Day

    (number,) = await filed(donghu, report(donghu))
    await do(donghu.lin, number, "dispatch", lead="finance")
    supervisor = await donghu.sun.actor()
    days = [Day(day=FRIDAY.date() + timedelta(days=n), is_working=False, name="台风") for n in (3, 4)]
    with at(FRIDAY):
        await asyncio.gather(actions.change_calendar(supervisor, days), do(donghu.he, number, "signature"))
    shown = (await donghu.lin.client.get(f"/v1/issues/{number}")).json()
    assert (shown["state"], len(shown["events"])) == ("IN_PROGRESS", 3)


async def test_a_desk_and_a_phone_that_change_one_dossier_both_have_their_say(donghu):
    (one,) = await enterprises(donghu, 1)
    device = await phone(donghu, donghu.zhou)
    await device.sync()
    base = device.version("enterprise", one)
    device.do("enterprise.patch", one, {"set": {"staff": "55"}}, base=base, was={"staff": "40"})
    desk = donghu.sun.client.patch(f"/v1/enterprises/{one}", json={"set": {"address": "八一大道1号"}})
    await asyncio.gather(desk, device.push())
    dossier = (await donghu.sun.client.get(f"/v1/enterprises/{one}")).json()
    assert (dossier["facts"]["staff"], dossier["address"]) == ("55", "八一大道1号")
    device.close()
