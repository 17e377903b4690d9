"""Rule 10: a phone's clock may say what it likes. Times are kept as told and corrected, and order and due dates ignore both."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync.identity import new_id
from tests.server.workbooks import PULSE, workbook

pytestmark = pytest.mark.anyio
ANSWERS = {"form": "pulse", "version": "1", "answers": {"staff": 7}}


@pytest.fixture
async def pulse(donghu):
    from server.questionnaires.actions import publish_form

    await publish_form(donghu.system, workbook(PULSE), "pulse.xlsx")


async def wrong_phone(donghu, off: timedelta) -> Any:
    from sync.phone import Phone
    from tests.server.conftest import knock

    offered = await donghu.chen.client.post("/v1/enrolments", json={"login": "zhou"})
    device = Phone(":memory:", knock(), clock=lambda: datetime.now(UTC) + off)
    await device.enrol(offered.json()["code"])
    return device


def parsed(text: str) -> datetime:
    return datetime.fromisoformat(text.replace("Z", "+00:00"))


async def record_of(donghu, device, **more: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """What a supervisor sees of a record this phone fills in now, and of its first version."""
    record = new_id(device.clock().timestamp())
    told = {**ANSWERS, "filled_at": device.clock().isoformat(), **more}
    device.do("record.submit", record, told)
    assert [one.status for one in await device.push()] == ["applied"]
    (line,) = [one for one in (await donghu.sun.client.get("/v1/records")).json()["items"] if one["id"] == str(record)]
    shown = (await donghu.sun.client.get(f"/v1/records/{record}")).json()
    return line, shown["versions"][0]


YEARS = {"in 2019": timedelta(days=-7 * 365), "ahead by a year": timedelta(days=365)}


@pytest.mark.parametrize("off", YEARS.values(), ids=YEARS)
async def test_rule_10_scenarios_26_27_a_record_of_a_wrong_clock_is_dated_rightly_and_marked(donghu, pulse, off):
    device = await wrong_phone(donghu, off)
    await device.pull()
    line, version = await record_of(donghu, device)
    assert line["clock_suspect"] is True
    received, collected, filled = (parsed(version[name]) for name in ("received_at", "collected_at", "filled_at"))
    assert abs(received - collected) < timedelta(minutes=1)
    assert collected <= received
    assert abs(filled - received - off) < timedelta(minutes=1)
    (listed,) = (await donghu.chen.client.get("/v1/devices")).json()
    assert abs(listed["clock_offset_seconds"] + off.total_seconds()) < 60
    await device.pull()
    assert line["id"] in {str(id) for id in device.rows("record")}


async def test_rule_10_scenario_27_order_is_the_servers_whatever_the_phones_say(donghu, pulse):
    ahead, behind = await wrong_phone(donghu, YEARS["ahead by a year"]), await wrong_phone(donghu, YEARS["in 2019"])
    first, _ = await record_of(donghu, ahead)
    second, _ = await record_of(donghu, behind)
    await ahead.pull()
    v = {
        name: ahead.db.execute("SELECT v FROM row WHERE id = ?", [one["id"]]).fetchone()["v"]
        for name, one in (("first", first), ("second", second))
    }
    assert v["first"] < v["second"]


async def test_rule_10_scenario_28_a_visits_length_is_told_by_a_clock_that_nobody_can_set(donghu, pulse):
    device = await wrong_phone(donghu, timedelta())
    now = device.clock()
    jumped_back = {"started_at": (now + timedelta(hours=2)).isoformat(), "elapsed_seconds": 2_700}
    _, version = await record_of(donghu, device, **jumped_back)
    assert version["duration"] == {"seconds": 2_700, "by": "monotonic", "is_suspect": True}
    del jumped_back["elapsed_seconds"]
    _, version = await record_of(donghu, device, **jumped_back)
    assert version["duration"] == {"seconds": None, "by": "", "is_suspect": True}
    steady = {"started_at": (now - timedelta(minutes=45)).isoformat(), "filled_at": now.isoformat()}
    _, version = await record_of(donghu, device, **steady)
    assert version["duration"] == {"seconds": 2_700, "by": "clock", "is_suspect": False}
    _, version = await record_of(donghu, device)
    assert version["duration"] == {"seconds": None, "by": "", "is_suspect": False}


async def test_rule_10_scenario_28_an_amendment_tells_its_own_length(donghu, pulse):
    device = await wrong_phone(donghu, timedelta())
    line, _ = await record_of(donghu, device, elapsed_seconds=2_700)
    now = device.clock()
    jumped = {"started_at": (now + timedelta(hours=2)).isoformat(), "elapsed_seconds": 90}
    told = {**ANSWERS, "filled_at": now.isoformat(), **jumped}
    device.do("record.amend", UUID(line["id"]), told)
    device.do("record.amend", UUID(line["id"]), {**told, "elapsed_seconds": -1})
    assert [one.status for one in await device.push()] == ["applied", "rejected"]
    shown = (await donghu.sun.client.get(f"/v1/records/{line['id']}")).json()
    by_number = {version["n"]: version["duration"] for version in shown["versions"]}
    assert by_number == {
        1: {"seconds": 2_700, "by": "monotonic", "is_suspect": False},
        2: {"seconds": 90, "by": "monotonic", "is_suspect": True},
    }


async def test_rule_10_scenario_28_a_length_that_cannot_be_is_kept_in_quarantine(donghu, pulse):
    device = await wrong_phone(donghu, timedelta())
    device.do("record.submit", new_id(), {**ANSWERS, "filled_at": device.clock().isoformat(), "elapsed_seconds": -1})
    (result,) = await device.push()
    assert (result.code, result.path) == ("operation.malformed", "$.elapsed_seconds")


moments = st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))


@given(moments, st.integers(0, 86_400), st.integers(-(10**7), 10**7))
def test_rule_10_scenario_28_a_monotonic_length_survives_any_jump_and_a_jump_is_seen(started_at, seconds, jump):
    from server.records.tables import duration_of

    filled_at = started_at + timedelta(seconds=seconds + jump)
    known = duration_of(started_at, filled_at, seconds)
    assert (known.seconds, known.by, known.is_suspect) == (seconds, "monotonic", abs(jump) > 60)
    guessed = duration_of(started_at, filled_at, None)
    assert guessed.is_suspect == (seconds + jump < 0)
    assert guessed.seconds is None or guessed.seconds >= 0
