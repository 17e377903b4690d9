"""A bureau's own calendar through its doors: notices, floods, half-holidays, office hours, their history, and the dates that move."""

import json
from datetime import date, timedelta
from typing import Any

import pytest
from click.testing import CliRunner

from server.cli import main
from server.issues.redating import actions, walk
from server.issues.redating.actions import finish_recount, finish_recounts
from server.issues.redating.tables import Recount
from server.moment import at
from server.people.actions import found_bureau
from server.worktime.actions import calendar_of, kept_calendar, shipped_calendar
from sync.transaction import execute, fetch
from tests.server.test_issues import FRIDAY, do, filed, report

pytestmark = pytest.mark.anyio

NEWS = "https://www.example.gov.cn/2027.htm"
YEAR: dict[str, Any] = {
    "$schema": "https://example.org/schema.json",
    "year": 2027,
    "papers": [NEWS],
    "days": [
        {"name": "元旦", "date": "2026-12-31", "isOffDay": True},
        {"name": "元旦", "date": "2027-01-01", "isOffDay": True},
        {"name": "元旦", "date": "2027-01-03", "isOffDay": False},
        {"name": "春节", "date": "2027-02-05", "isOffDay": True},
        {"name": "春节", "date": "2027-02-20", "isOffDay": False},
        {"name": "国庆节", "date": "2027-10-01", "isOffDay": True},
    ],
}
FLOOD = [{"day": "2026-09-20", "is_working": False, "name": "防汛"}]


async def notice(member, changes: dict[str, Any] | None = None, **params: Any) -> Any:
    return await member.client.post("/v1/calendar/notices", json=YEAR | (changes or {}), params=params)


async def worked(donghu, *days: str) -> list[bool]:
    calendar = await calendar_of(donghu.bureau)
    return [calendar.is_working(date.fromisoformat(day)) for day in days]


async def test_a_year_s_notice_makes_the_year_known_and_takes_back_what_was_expected(donghu):
    done = await notice(donghu.sun)
    assert (done.status_code, done.json()["version"]) == (201, "2026+1")
    assert await worked(donghu, "2026-12-31", "2027-01-03", "2027-02-20") == [False, True, True]
    assert await worked(donghu, "2027-04-05") == [True], "expected to rest, but the notice does not say so"
    calendar = await calendar_of(donghu.bureau)
    assert (calendar.horizon, calendar.is_provisional(date(2027, 12, 31))) == (date(2027, 12, 31), False)
    assert calendar.add_working_days(date(2026, 12, 30), 1) == date(2027, 1, 3)
    other = await found_bureau("xihu", "西湖区中小企业服务局", "360103")
    assert (await calendar_of(other.bureau)).horizon == date(2026, 12, 31), "every bureau has its own"


async def test_a_notice_that_is_corrected_replaces_what_it_said_before(donghu):
    await notice(donghu.sun)
    days = [day for day in YEAR["days"] if day["date"] != "2027-02-20"]
    days.append({"name": "春节", "date": "2027-02-21", "isOffDay": False})
    assert (await notice(donghu.sun, {"days": days})).status_code == 201
    assert await worked(donghu, "2027-02-20", "2027-02-21") == [False, True]


BAD: list[tuple[dict[str, Any], str]] = [
    ({"year": 2029}, "2027, the year after the last announced one"),
    ({"year": "2027"}, "is not between 2004 and 2027"),
    ({"days": []}, "not a list of 1 to"),
    ({"days": [1]}, "days[0]: not an object"),
    ({"days": [{"name": "元旦", "date": "2027-02-30", "isOffDay": True}]}, "days[0].date: '2027-02-30' is not a date"),
    ({"days": [{"name": "元旦", "date": "20270101", "isOffDay": True}]}, "is not a date"),
    ({"days": [{"name": "", "date": "2027-01-01", "isOffDay": "yes", "x": 1}]}, "days[0]: unknown field 'x'"),
    (
        {"days": [{"name": "元旦", "date": "2028-01-01", "isOffDay": True}]},
        "neither in 2027 nor in the December before",
    ),
    ({"days": [*YEAR["days"], YEAR["days"][0]]}, "2026-12-31 stands there more than once"),
    ({"days": YEAR["days"][:2]}, "2027-10-01 (国庆节) is no day off"),
    ({"holidays": []}, "unknown field 'holidays'"),
    ({"papers": [1]}, "papers: not a list of addresses"),
]


@pytest.mark.parametrize(("changes", "complaint"), BAD)
async def test_a_faulty_notice_tells_every_fault_and_changes_nothing(donghu, changes, complaint):
    refused = await notice(donghu.sun, changes)
    assert (refused.status_code, refused.json()["code"]) == (422, "calendar.notice")
    assert any(complaint in told for told in refused.json()["details"]["complaints"]), refused.json()
    assert (await kept_calendar(donghu.bureau)).version == 0


NULL = json.dumps(YEAR | {"days": [YEAR["days"][0] | {"name": "元\0旦"}, *YEAR["days"][1:]]}).encode()


@pytest.mark.parametrize("body", [b"", b"\xff\xfe", b"[" * 5000, b"{", b"null", b"[]", NULL])
async def test_what_is_no_json_is_told(donghu, body):
    refused = await donghu.sun.client.post("/v1/calendar/notices", content=body)
    assert (refused.status_code, refused.json()["code"]) == (422, "calendar.notice")


async def test_all_faults_of_a_file_are_told_at_once(donghu):
    days = [{"name": "", "date": "x", "isOffDay": 1}, {"name": "元旦", "date": "2027-13-01", "isOffDay": True}]
    complaints = (await notice(donghu.sun, {"days": days})).json()["details"]["complaints"]
    assert [told.partition(":")[0] for told in complaints] == [
        "days[0].name", "days[0].isOffDay", "days[0].date", "days[1].date",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "said",
    [
        [],
        [FLOOD[0], FLOOD[0]],
        [FLOOD[0] | {"status": "rumoured"}],
        [FLOOD[0] | {"day": "2099-01-01"}],
        [FLOOD[0] | {"day": "2029-01-01", "status": "official"}],
        [FLOOD[0] | {"spans": ["08:30-12:00"]}],
        [FLOOD[0] | {"is_working": True, "spans": ["12:00-08:30"]}],
        [FLOOD[0] | {"is_working": True, "spans": ["08:30-12:00"], "status": "official"}],
        [FLOOD[0] | {"name": "防" * 301}],
    ],
)
async def test_days_that_cannot_be_are_refused_whole(donghu, said):
    refused = await donghu.sun.client.put(
        "/v1/calendar", json=[{"day": "2026-07-01", "is_working": False}, *said] if said else []
    )
    assert (refused.status_code, refused.json()["code"]) == (422, "calendar.days")
    assert (await kept_calendar(donghu.bureau)).version == 0


async def test_only_who_may_change_the_rules_changes_the_calendar_and_all_may_read_it(donghu):
    for member in (donghu.zhou, donghu.he, donghu.wu, donghu.qian):
        answers = [
            await member.client.put("/v1/calendar", json=FLOOD),
            await member.client.put("/v1/calendar", json=FLOOD, params={"preview": True}),
            await member.client.put(
                "/v1/calendar/hours", json=[{"valid_from": "2027-01-01", "spans": ["08:00-12:00"]}]
            ),
            await notice(member),
        ]
        assert {answer.json()["code"] for answer in answers} == {"permission.missing"}
        assert (await member.client.get("/v1/calendar/versions")).json() == []
    assert (await donghu.door.get("/v1/calendar/versions")).status_code == 401


async def test_every_edit_is_listed_and_any_version_can_be_shown_again(donghu):
    span = {"first": "2026-09-20", "last": "2026-09-20"}
    await donghu.sun.client.put("/v1/calendar", json=FLOOD, params={"note": "区防指〔2026〕3号"})
    await donghu.sun.client.put("/v1/calendar", json=[FLOOD[0] | {"is_working": None}], params={"note": "水退了"})
    versions = (await donghu.zhou.client.get("/v1/calendar/versions")).json()
    assert [(one["version"], one["person_name"], one["kind"], one["note"]) for one in versions] == [
        ("2026+2", "孙督", "days", "水退了"), ("2026+1", "孙督", "days", "区防指〔2026〕3号"),
    ]  # fmt: skip
    assert [day["is_working"] for one in versions for day in one["days"]] == [None, False]
    shown = {}
    for version in ("2026", "2026+1", "2026+2", ""):
        day = (await donghu.zhou.client.get("/v1/calendar", params=span | {"version": version})).json()[0]
        shown[version] = (day["is_working"], day["name"], day["status"])
    assert shown == {
        "2026": (True, "国庆节调休", "official"),
        "2026+1": (False, "防汛", "local"),
        "2026+2": (True, "国庆节调休", "official"),
        "": (True, "国庆节调休", "official"),
    }
    unknown = await donghu.zhou.client.get("/v1/calendar", params=span | {"version": "2026+9"})
    assert (unknown.status_code, unknown.json()["code"]) == (404, "calendar.version")


async def test_a_day_of_the_bureau_s_own_stands_above_a_later_notice(donghu):
    await donghu.sun.client.put("/v1/calendar", json=[{"day": "2027-01-03", "is_working": False, "name": "冰冻"}])
    await notice(donghu.sun)
    assert await worked(donghu, "2027-01-03") == [False]
    await donghu.sun.client.put("/v1/calendar", json=[{"day": "2027-01-03", "is_working": None}])
    assert await worked(donghu, "2027-01-03") == [True]


async def test_the_calendar_of_a_past_moment_is_known(donghu):
    with at(FRIDAY):
        await donghu.sun.client.put("/v1/calendar", json=[{"day": "2026-12-01", "is_working": False}])
    before = await calendar_of(donghu.bureau, FRIDAY - timedelta(seconds=1))
    assert (before.version, before.is_working(date(2026, 12, 1))) == ("2026", True)
    assert (await calendar_of(donghu.bureau, FRIDAY)).version == "2026+1"


async def test_office_hours_hold_from_their_day_on_and_half_days_have_their_own(donghu):
    put = donghu.sun.client.put
    hours = [{"valid_from": "2027-06-01", "spans": ["08:30-12:00", "14:30-18:00"], "closing": "office"}]
    assert (await put("/v1/calendar/hours", json=hours)).json()["version"] == "2026+1"
    half = [{"day": "2027-06-02", "is_working": True, "spans": ["08:30-12:00"], "name": "端午前半天"}]
    assert (await put("/v1/calendar", json=half)).status_code == 200
    days = (await donghu.zhou.client.get("/v1/calendar", params={"first": "2027-05-31", "last": "2027-06-02"})).json()
    assert [day["spans"] for day in days] == [
        ["08:30-12:00", "14:00-17:30"], ["08:30-12:00", "14:30-18:00"], ["08:30-12:00"],
    ]  # fmt: skip
    shown = (await donghu.zhou.client.get("/v1/calendar/hours")).json()
    assert [(one["valid_from"], one["closing"]) for one in shown] == [("2000-01-01", "24:00"), ("2027-06-01", "office")]
    assert len((await donghu.zhou.client.get("/v1/calendar/hours", params={"version": "2026"})).json()) == 1
    assert str((await calendar_of(donghu.bureau)).closing_hour(date(2027, 6, 2))) == "12:00:00"


async def test_limits_of_a_bureau_that_closes_end_when_it_closes(donghu):
    (number,) = await filed(donghu, report(donghu))
    hours = [{"valid_from": "2026-09-19", "spans": ["08:30-12:00", "14:00-17:30"], "closing": "office"}]
    with at(FRIDAY):
        assert (await donghu.sun.client.put("/v1/calendar/hours", json=hours)).json()["issues"] == 1
        shown = (await donghu.lin.client.get(f"/v1/issues/{number}")).json()
    triage = next(due for due in shown["dues"] if due["clock"] == "triage")
    assert (triage["day"], triage["due"]) == ("2026-09-20", "2026-09-20T09:30:00Z")


@pytest.mark.parametrize(
    "said",
    [
        [{"valid_from": "2027-06-01", "spans": []}],
        [{"valid_from": "2027-06-01", "spans": ["8-12"]}],
        [{"valid_from": "2027-06-01", "spans": ["08:30-12:00"], "closing": "18:00"}],
        [{"valid_from": "1900-06-01", "spans": ["08:30-12:00"]}],
    ],
)
async def test_hours_that_cannot_be_are_refused(donghu, said):
    refused = await donghu.sun.client.put("/v1/calendar/hours", json=said)
    assert (refused.status_code, refused.json()["code"]) == (422, "calendar.hours")


async def test_a_preview_says_what_would_move_and_writes_nothing(donghu):
    (number,) = await filed(donghu, report(donghu))
    before = (await donghu.lin.client.get(f"/v1/issues/{number}")).json()
    told = (await donghu.sun.client.put("/v1/calendar", json=FLOOD, params={"preview": True})).json()
    assert (told["issues"], told["is_preview"], told["version"]) == (1, True, "2026+1")
    triage = next(move for move in told["moves"] if move["column"] == "triage_due")
    assert (triage["number"], triage["before"], triage["after"]) == (
        number, "2026-09-20T16:00:00Z", "2026-09-21T16:00:00Z",
    )  # fmt: skip
    assert (await donghu.lin.client.get(f"/v1/issues/{number}")).json() == before
    assert (await kept_calendar(donghu.bureau)).version == 0


async def _late_if_friday_counts(donghu) -> str:
    """Received on Thursday before Mid-Autumn, to be taken up on the Monday after: 25 September is a day off."""
    (number,) = await filed(donghu, report(donghu, reported_at=FRIDAY + timedelta(days=6)))
    return number


WORKED = [
    {"day": "2026-09-25", "is_working": True},
    {"day": "2026-09-26", "is_working": False, "name": "台风"},
    {"day": "2026-10-31", "is_working": True},
]


async def test_an_edit_that_would_make_somebody_late_after_the_fact_names_the_issues(donghu):
    number = await _late_if_friday_counts(donghu)
    with at(FRIDAY + timedelta(days=9)):
        for preview in (True, False):
            refused = await donghu.sun.client.put("/v1/calendar", json=WORKED, params={"preview": preview})
            assert (refused.status_code, refused.json()["code"]) == (409, "calendar.past_breach")
            told = refused.json()["details"]
            assert (told["count"], told["issues"][0]["number"], told["issues"][0]["clock"]) == (1, number, "triage")
    assert (await kept_calendar(donghu.bureau)).version == 0


async def test_an_edit_dated_forward_leaves_out_what_would_make_anybody_late(donghu):
    await _late_if_friday_counts(donghu)
    with at(FRIDAY + timedelta(days=9)):
        done = await donghu.sun.client.put("/v1/calendar", json=WORKED, params={"forward": True})
    assert (done.status_code, done.json()["left_out"]) == (200, ["2026-09-25"])
    assert await worked(donghu, "2026-09-25", "2026-09-26", "2026-10-31") == [False, False, True]


async def test_a_clock_that_was_met_in_time_is_not_late_by_a_later_edit(donghu):
    number = await _late_if_friday_counts(donghu)
    with at(FRIDAY + timedelta(days=10)):
        await do(donghu.lin, number, "dispatch", lead="finance")
    with at(FRIDAY + timedelta(days=11)):
        refused = await donghu.sun.client.put("/v1/calendar", json=WORKED)
    assert refused.json()["code"] == "calendar.past_breach", "triage on Monday was in time, and stays so"


async def test_old_and_new_dates_are_history_of_the_issue_and_closed_ones_keep_theirs(donghu):
    open_one, closed = await filed(donghu, report(donghu, 1), report(donghu, 2))
    await do(donghu.lin, closed, "refusal", ground="nothing_new", words="无新情况")
    was = (await donghu.lin.client.get(f"/v1/issues/{closed}")).json()["dues"]
    await donghu.sun.client.put("/v1/calendar", json=FLOOD)
    shown = (await donghu.lin.client.get(f"/v1/issues/{open_one}")).json()
    assert [one["calendar"] for one in shown["redates"]] == ["2026+1"]
    assert shown["redates"][0]["dates"]["triage_due"] == ["2026-09-20T16:00:00+00:00", "2026-09-21T16:00:00+00:00"]
    assert shown["dues"][0]["day"] == "2026-09-21"
    kept = (await donghu.lin.client.get(f"/v1/issues/{closed}")).json()
    assert (kept["redates"], kept["dues"]) == ([], was), "by the calendar it was closed under"


async def test_a_walk_that_stopped_half_way_is_gone_on_with(donghu, monkeypatch):
    """The process that made the edit dies after the first page; the timetable of any other ends it."""
    await filed(donghu, *(report(donghu, n) for n in range(1, 8)))
    last = (await fetch("SELECT number FROM issue ORDER BY id DESC LIMIT 1"))[0][0]
    monkeypatch.setattr(walk, "CHUNK", 2)
    monkeypatch.setattr(actions, "PROMPT_PAGES", 1)
    assert (await donghu.sun.client.put("/v1/calendar", json=FLOOD)).json()["issues"] == 7
    moved = "SELECT count(*) FROM issue WHERE triage_due > '2026-09-21 00:00:00+00:00'"
    assert (await fetch(moved))[0][0] == 2
    await do(donghu.lin, last, "dispatch", lead="finance")
    await finish_recounts()
    assert (await fetch(moved))[0][0] == 7
    (job,) = await Recount.objects()
    assert (job.moved, job.finished_at is not None) == (6, True), "the one dispatched was dated by its verb"
    assert await finish_recount(job.id), "again does nothing"
    assert (await fetch("SELECT count(*) FROM issue_redate"))[0][0] == 6
    await execute("UPDATE issue_recount SET finished_at = NULL, last = $1", [walk.FIRST])
    await finish_recounts()
    assert (await fetch("SELECT count(*) FROM issue_redate"))[0][0] == 6, "changed rows only"


async def test_two_edits_at_once_leave_every_date_by_the_last(donghu):
    import asyncio

    await filed(donghu, *(report(donghu, n) for n in range(1, 5)))
    monday = [{"day": "2026-09-21", "is_working": False}]
    answers = await asyncio.gather(
        donghu.sun.client.put("/v1/calendar", json=FLOOD), donghu.sun.client.put("/v1/calendar", json=monday)
    )
    assert [answer.status_code for answer in answers] == [200, 200]
    assert {str(row[0])[:10] for row in await fetch("SELECT triage_due FROM issue")} == {"2026-09-22"}
    assert (await kept_calendar(donghu.bureau)).version == 2


async def test_an_edit_sent_twice_with_one_key_is_one_version(donghu):
    headers = {"Idempotency-Key": "flood-1"}
    await filed(donghu, report(donghu))
    both = [await donghu.sun.client.put("/v1/calendar", json=FLOOD, headers=headers) for _ in range(2)]
    assert both[0].json() == both[1].json()
    assert (await kept_calendar(donghu.bureau)).version == 1
    assert {str(row[0])[:10] for row in await fetch("SELECT triage_due FROM issue")} == {"2026-09-21"}


def test_the_console_imports_shows_and_lists(donghu_console, tmp_path):
    file = tmp_path / "2027.json"
    file.write_text(json.dumps(YEAR), encoding="utf-8")
    tried = json.loads(said("calendar", "import", str(file), "--dry-run", "--json"))
    assert (tried["is_preview"], tried["version"]) == (True, "2026+1")
    assert json.loads(said("calendar", "history", "--json")) == []
    assert "2026+1" in said("calendar", "import", str(file))
    days = json.loads(said("calendar", "show", "--first", "2027-01-01", "--last", "2027-01-03", "--json"))
    assert [day["is_working"] for day in days] == [False, False, True]
    assert json.loads(said("calendar", "day", "2027-07-01", "rest", "--name", "防汛", "--json"))["version"] == "2026+2"
    assert "2026+3" in said("calendar", "hours", "08:30-12:00", "14:30-18:00", "--from", "2027-06-01")
    assert [one["kind"] for one in json.loads(said("calendar", "history", "--json"))] == ["hours", "days", "notice"]
    assert NEWS[:20] in said("calendar", "history")
    assert json.loads(said("calendar", "recount", "--json")) == {"walks": 1}


def test_the_console_tells_every_fault_and_ends_with_one(donghu_console, tmp_path):
    file = tmp_path / "2027.json"
    file.write_text(json.dumps(YEAR | {"days": [{"name": "元旦", "date": "x", "isOffDay": 1}]}), encoding="utf-8")
    done = CliRunner().invoke(main, ["calendar", "import", str(file)])
    assert done.exit_code == 1
    assert "days[0].isOffDay" in done.output
    assert "days[0].date" in done.output
    assert json.loads(said("calendar", "history", "--json")) == []
    assert CliRunner().invoke(main, ["calendar", "day", "yesterday", "rest"]).exit_code == 2


def said(*command: str) -> str:
    done = CliRunner().invoke(main, command)
    assert done.exit_code == 0, (done.output, done.exception)
    return done.output


@pytest.fixture
def donghu_console(schema, anyio_backend):
    """A bureau the console opens and closes the database for, with nothing of it left afterwards."""
    said("init", "donghu", "东湖区中小企业服务局")
    yield
    import asyncio

    from sync.transaction import engine, transaction
    from tests.conftest import _table_names

    async def clear() -> None:
        await engine().start()
        async with transaction():
            for name in await _table_names():
                await execute(f"DELETE FROM {name}")
        await engine().close()

    asyncio.run(clear())


def test_the_shipped_calendar_is_the_one_of_a_bureau_that_said_nothing(donghu_console):
    days = json.loads(said("calendar", "show", "--first", "2026-10-10", "--last", "2026-10-10", "--json"))
    assert days[0]["is_working"] == shipped_calendar().is_working(date(2026, 10, 10))
    assert days[0]["name"] == "国庆节调休"
