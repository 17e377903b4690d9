"""Phones on bad lines against the real app: nothing is lost, doubled or changed; and answers made up for any form fit it."""

from datetime import datetime
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import msgspec
import pytest

from forms.definition import Form
from forms.evaluate import compile_form, evaluate
from tests.server.fieldwork import enterprises, publish

pytestmark = pytest.mark.anyio
NOW = datetime(2026, 11, 20, 10, 0, tzinfo=ZoneInfo("Asia/Shanghai"))
LISTS = {"enterprises": [{"name": "5a000000-0000-4000-8000-000000000001", "label": "东湖精工仪表"}]}


@pytest.fixture
async def offers(donghu: Any) -> list[Any]:
    """Three commissioners with an enterprise each, and codes for their phones."""
    from server.enterprises.actions import NewEnterprise, add_enterprise
    from server.enterprises.assignments.actions import assign_enterprise
    from server.people.actions import NewPerson, add_person
    from server.simulation.simulate_command import offer_phones

    await publish(donghu, "visit_record")
    await enterprises(donghu, 2)
    for login, name in (("feng", "冯访"), ("chu", "褚访")):
        new = NewPerson(login=login, name=name, unit="bayi", roles=("commissioner",))
        person = await add_person(donghu.system, new, with_password=False)
        firm = await add_enterprise(donghu.system, NewEnterprise(name=f"{name}的企业", region="360102"))
        await assign_enterprise(donghu.system, firm.id, person.id)
    return await offer_phones("", 3)


def app() -> httpx.ASGITransport:
    from server.app import app

    return httpx.ASGITransport(app=app)


async def test_what_phones_say_on_bad_lines_is_stored_once_and_comes_back_to_a_fresh_phone(offers: Any) -> None:
    from server.records.tables import Record
    from server.simulation.simulate import simulate, stored_otherwise

    outcome, left = await simulate(offers, inner=app(), address="http://qifang.test", minutes=3, seed=4)
    await stored_otherwise(outcome, left.records)
    assert outcome.violations == []
    assert outcome.records == outcome.applied == len(left.records) == await Record.count()
    assert outcome.records >= 3 * 3
    assert outcome.cuts > 0
    assert outcome.duplicates > 0
    assert outcome.photos > 0
    assert len(set(left.devices)) == 6


async def test_a_record_that_is_not_on_the_server_is_told(offers: Any) -> None:
    from server.simulation.simulate import Outcome, stored_otherwise
    from sync.identity import new_id

    outcome, missing = Outcome(seed=1, phones=0, minutes=0), new_id()
    await stored_otherwise(outcome, [missing])
    assert outcome.violations == [f"record {missing} is stored 0 times"]


async def test_a_server_that_answers_differently_the_second_time_is_told() -> None:
    """The line itself watches: here the answers alternate."""
    from server.simulation.line import Line

    answers = iter(["applied", "held"])

    async def door(scope: Any, receive: Any, send: Any) -> None:
        body = msgspec.json.encode({"results": [{"id": "1", "status": next(answers)}]})
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": body})

    class Always(Random):
        def random(self) -> float:
            return 0.06  # above LOST, below TWICE

    line = Line(httpx.ASGITransport(app=door), Always())
    async with httpx.AsyncClient(transport=line, base_url="http://qifang.test") as client:
        await client.post("/sync/v1/push")
    assert len(line.differing) == 1


@pytest.mark.parametrize("form_id", ["visit_record", "ops_monitor_q"])
async def test_made_up_answers_fit_the_form_and_are_the_same_for_the_same_chance(donghu: Any, form_id: str) -> None:
    from server.questionnaires.tables import FormVersion
    from server.simulation.answers import Respondent

    await publish(donghu, form_id)
    row = (await FormVersion.objects().where(FormVersion.form_id == form_id))[0]
    compiled = compile_form(msgspec.json.decode(row.definition, type=Form))
    given = {"in_registry": "yes"} if form_id == "visit_record" else {}
    seen = set()
    for seed in range(25):
        made = [Respondent(compiled, Random(seed), LISTS).answer(NOW, given) for _ in range(2)]
        assert made[0] == made[1]
        flaws = evaluate(compiled, made[0], now=NOW, lists=LISTS).flaws
        assert [flaw for flaw in flaws if flaw.level == "error"] == []
        assert all(flaw.explained for flaw in flaws if flaw.level == "verify")
        seen.add(msgspec.json.encode(made[0]))
    assert len(seen) == 25
