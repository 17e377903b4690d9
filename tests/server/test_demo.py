"""The demo is a history that could have happened: every state occurs, every timeline goes forward, the chain holds."""

import asyncio
import itertools
import sys
from asyncio.subprocess import PIPE
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

pytestmark = pytest.mark.anyio
SATURDAY = datetime(2026, 11, 21, 22, 0, tzinfo=UTC)


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
async def played(product: None) -> Any:
    from server.demo.play import play_demo

    return await play_demo(seed=1, end=SATURDAY)


async def test_a_played_demo_is_whole(played: Any) -> None:
    """One test, because playing it takes most of the time."""
    from server.demo.play import is_unfinished

    await _people_and_enterprises(played)
    await _every_state_occurs(played)
    await _timelines_go_forward(played)
    await _every_clock_explains_itself(played)
    await _records_evaluate_as_stored(played)
    await _a_round_is_under_way(played)
    await _quarantine_and_reviews(played)
    await _the_audit_chain_holds(played)
    await _nothing_is_in_the_future()
    assert not await is_unfinished()


async def _people_and_enterprises(played: Any) -> None:
    from server.enterprises.credit_code import is_valid
    from server.enterprises.tables import Enterprise, EnterpriseAssignment
    from server.passwords import matches
    from server.people.roles import COMMISSIONER, HANDLER, INTAKE, REVIEWER, ROLES
    from server.people.tables import Person

    cast = played.cast
    roles = set(ROLES) - {INTAKE}  # which is for other systems, not for people
    assert {player.role for player in cast.players} == roles
    assert len(cast.of_role(COMMISSIONER)) == 30
    offices = {code for code, unit in cast.units.items() if unit.kind != "street"}
    assert (
        {player.unit for player in cast.of_role(HANDLER)}
        == {player.unit for player in cast.of_role(REVIEWER)}
        == offices
    )
    codes = [row["credit_code"] for row in await Enterprise.select(Enterprise.credit_code)]
    assert len(set(codes)) == 142
    assert all(is_valid(code) and code[2:8] == "360102" for code in codes)
    held: dict[Any, int] = {}
    for row in await EnterpriseAssignment.select(EnterpriseAssignment.person).where(
        EnterpriseAssignment.until.is_null()
    ):
        held[row["person"]] = held.get(row["person"], 0) + 1
    assert max(held.values()) <= 5
    given = [player for player in cast.players if player.one_time_password]
    assert sorted(player.role for player in given) == sorted(roles)
    for row in await Person.objects():
        expected = next((player.one_time_password for player in given if player.id == row.id), "")
        assert row.must_change_password
        assert await matches(row.password_hash, expected) is bool(expected)


async def _every_state_occurs(played: Any) -> None:
    from server.demo.seeds import stories
    from server.issues.states import STATES
    from server.issues.tables import Issue

    found: dict[str, int] = {}
    for row in await Issue.select(Issue.state):
        found[row["state"]] = found.get(row["state"], 0) + 1
    told: dict[str, int] = {}
    for story in stories():
        told[story.state] = told.get(story.state, 0) + 1
    assert found == told
    assert set(found) == set(STATES)
    assert sum(found.values()) == 120


async def _timelines_go_forward(played: Any) -> None:
    from server.issues.states import MOVES
    from server.issues.steps.dues import current_dues, due_columns, timeline
    from server.issues.tables import Issue
    from server.worktime.actions import calendar_of

    calendar = await calendar_of(played.cast.system.bureau)
    moves = {(move.verb, move.source, move.target, move.outcome) for move in MOVES}
    for issue in await Issue.objects():
        events = await timeline(issue.bureau, issue.id)
        assert [event.n for event in events] == list(range(1, issue.events + 1))
        assert events[0].verb == "open"
        assert events[-1].target == issue.state
        for before, after in itertools.pairwise(events):
            assert before.at <= after.at
            assert before.target == after.source
        for event in events:
            assert (event.verb, event.source, event.target, event.outcome) in moves
            assert calendar.is_working(event.at.date())
            assert 0 <= event.at.hour < 10
        explained = due_columns(await current_dues(issue.bureau, events), calendar, issue.updated_at)
        del explained["next_timer_at"]
        assert explained == {name: getattr(issue, name) for name in explained}


async def _every_clock_explains_itself(played: Any) -> None:
    """Each step a sentence in both languages, and the day it names is found again by walking from the one it begins with."""
    from server.clocks.explanation import explain
    from server.issues.steps.dues import current_dues, timeline
    from server.issues.tables import Issue
    from server.moment import now
    from server.settings import settings
    from server.worktime.actions import calendar_of

    calendar, walked = await calendar_of(played.cast.system.bureau), 0
    for issue in await Issue.objects().where(Issue.state != "DRAFT"):
        dues = await current_dues(issue.bureau, await timeline(issue.bureau, issue.id))
        assert dues
        for due in dues:
            told = explain(due, calendar, settings.timezone, now())
            assert len(told.explain) >= 4
            assert all(sentence.zh.endswith("。") and sentence.en.endswith(".") for sentence in told.explain)
            if due.limit.unit != "wd":
                continue
            day, left = due.started_at.astimezone(settings.timezone).date(), due.limit.count
            while left:
                day += timedelta(days=1)
                left -= calendar.is_working(day)
            assert told.original_day == day
            if not told.pauses and not told.extensions:
                assert any(f"期限至 {day}" in sentence.zh for sentence in told.explain)
                walked += 1
    assert walked > 100


async def _records_evaluate_as_stored(played: Any) -> None:
    from forms.evaluate import evaluate
    from server.questionnaires.library import lists_for, load_version
    from server.questionnaires.tables import FormVersion
    from server.records.tables import Record, RecordVersion
    from server.settings import settings

    versions = {row.id: row for row in await FormVersion.objects()}
    current = {row.id: row for row in await RecordVersion.objects()}
    forms: dict[str, int] = {}
    explained = 0
    for record in await Record.objects():
        forms[record.form_id] = forms.get(record.form_id, 0) + 1
        version, form = current[record.current], versions[record.form_version]
        published = await load_version(record.bureau, form.form_id, form.version)
        assert published is not None
        answers = msgspec.json.decode(version.body)
        lists = await lists_for(published, [answers])
        filled_at = version.filled_at.astimezone(settings.timezone)
        flaws = evaluate(published.compiled, answers, now=filled_at, lists=lists).flaws
        assert msgspec.json.decode(version.flaws) == msgspec.to_builtins(flaws)
        assert not [flaw for flaw in flaws if flaw.level == "error"]
        assert all(flaw.explained for flaw in flaws if flaw.level == "verify")
        explained += sum(flaw.level == "verify" for flaw in flaws)
    assert set(forms) == {"visit_record", "cultivation_census", "symposium", "ops_monitor_q", "issue_callback"}
    assert 190 <= sum(forms.values()) <= 215
    assert forms["visit_record"] > sum(forms.values()) / 2
    assert explained >= 3


async def _a_round_is_under_way(played: Any) -> None:
    from server.campaigns.tables import Round, Slot

    (row,) = await Round.objects()
    assert row.state == "open"
    assert row.closes_on > SATURDAY.date()
    found = [(slot["state"], slot["via"]) for slot in await Slot.select(Slot.state, Slot.via)]
    assert found.count(("filled", "visit")) == 12
    assert found.count(("filled", "link")) == 8
    assert found.count(("refused", "")) == 2
    assert found.count(("unreachable", "")) == 1
    assert found.count(("open", "")) >= 5


async def _quarantine_and_reviews(played: Any) -> None:
    from server.records.tables import STATES, Record
    from sync.quarantine import list_quarantine

    bureau = played.cast.system.bureau
    kept = await list_quarantine(bureau, is_open=False)
    assert sorted((one.code, one.state) for one in kept) == [
        ("record.out_of_scope", "accepted"),
        ("record.out_of_scope", "waiting"),
    ]
    states = {row["state"] for row in await Record.select(Record.state)}
    assert states == set(STATES) - {"withdrawn"}


async def _the_audit_chain_holds(played: Any) -> None:
    from server.audit.actions import find_break
    from server.audit.tables import AuditRow

    assert await find_break(played.cast.system.bureau) is None
    assert await AuditRow.count() > 1000


async def _nothing_is_in_the_future() -> None:
    from server.issues.tables import IssueEvent
    from server.records.tables import Record
    from server.tasks.tables import Task
    from server.visits.tables import Visit

    assert all(row["at"] <= SATURDAY for row in await IssueEvent.select(IssueEvent.at))
    assert all(row["received_at"] <= SATURDAY for row in await Record.select(Record.received_at))
    planned = await Visit.objects().where(Visit.state == "planned")
    assert len(planned) >= 10
    assert all(visit.day > SATURDAY.date() for visit in planned)
    states = {row["state"] for row in await Task.select(Task.state)}
    assert states >= {"open", "done"}


async def console(*words: str) -> tuple[int | None, str, str]:
    command = (sys.executable, "-m", "server.cli", *words)
    process = await asyncio.create_subprocess_exec(*command, stdout=PIPE, stderr=PIPE)
    out, err = await process.communicate()
    return process.returncode, out.decode(), err.decode()


async def test_a_demo_needs_an_empty_database_and_says_so_in_one_line(product: None) -> None:
    from server.audit.actions import record_event
    from server.demo.play import BEGUN, is_unfinished
    from server.people.actions import found_bureau
    from sync.transaction import transaction

    system = await found_bureau("xihu", "西湖区中小企业服务局")
    code, out, err = await console("demo", "--unless-founded")
    assert (code, err, out.count("\n")) == (0, "", 1)
    assert "qifang person password LOGIN" in out
    code, out, err = await console("demo")
    assert (code, out, err.split(":")[0]) == (1, "", "demo.founded")
    async with transaction():
        await record_event(system, BEGUN, "bureau", system.bureau, {})
    assert await is_unfinished()
    code, out, err = await console("demo", "--unless-founded")
    assert (code, out, err.split(":")[0]) == (1, "", "demo.unfinished")


_told: list[Any] = []


@pytest.mark.long
@pytest.mark.parametrize("time", ["first", "second"])
async def test_the_same_seed_and_day_tell_the_same_history(product: None, time: str) -> None:
    from server.demo.play import play_demo
    from server.issues.tables import Issue, IssueEvent

    await play_demo(seed=3, end=SATURDAY)
    issues = {row.id: (row.number, row.title, row.state) for row in await Issue.objects()}
    history = sorted(
        (*issues[event.issue], event.n, event.at, event.verb, event.fields) for event in await IssueEvent.objects()
    )
    _told.append([step for step in history if "callback" not in step[-1]])  # its id is new each time
    assert _told[0] == _told[-1]
