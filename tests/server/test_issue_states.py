"""The state machine as data: every row of the documented tables is a row of the code and the other way round, and no walk of
verbs leaves the map."""

import re
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from server.clocks.clock import EVENTS
from server.issues.states import MOVES, OPEN, STATES, VERBS, clock_event, find_move, verbs_from
from server.people.roles import ROLES

PAGE = (Path(__file__).parent.parent.parent / "docs" / "issues.md").read_text(encoding="utf-8")

ALLOWED = {
    "": {"DRAFT", "SUBMITTED", "ON_SITE_CLOSED"},
    "DRAFT": {"SUBMITTED"},
    "SUBMITTED": {"DISPATCHED", "REFUSED", "ON_SITE_CLOSED", "TRANSFERRED_UP"},
    "REFUSED": {"SUBMITTED"},
    "ON_SITE_CLOSED": {"CLOSED", "REOPENED"},
    "DISPATCHED": {"IN_PROGRESS", "RETURN_REQUESTED"},
    "RETURN_REQUESTED": {"SUBMITTED", "DISPATCHED"},
    "IN_PROGRESS": {"WAITING_CO", "WAITING_FIRM", "REPLIED", "LONG_TERM", "TRANSFERRED_UP"},
    "WAITING_CO": {"IN_PROGRESS"},
    "WAITING_FIRM": {"IN_PROGRESS"},
    "REPLIED": {"IN_PROGRESS", "PENDING_CALLBACK"},
    "PENDING_CALLBACK": {"CLOSED", "REOPENED"},
    "REOPENED": {"REPLIED", "IN_PROGRESS"},
    "LONG_TERM": {"IN_PROGRESS", "REPLIED"},
    "TRANSFERRED_UP": {"REPLIED", "CLOSED"},
    "MERGED": set(OPEN),
    "CLOSED": {"REOPENED"},
    "WITHDRAWN": set(),
}
"""Written down a second time, by hand, from the rules: besides these, anything open may be merged or withdrawn."""


def test_the_moves_are_exactly_those_of_the_rules():
    found: dict[str, set[str]] = {state: set() for state in ALLOWED}
    for move in MOVES:
        if move.source != move.target:
            found[move.source].add(move.target)
    for state in OPEN:
        assert {"MERGED", "WITHDRAWN"} <= found[state]
        found[state] -= {"MERGED", "WITHDRAWN"}
    assert found == ALLOWED


def rows_under(heading: str) -> list[list[str]]:
    section = re.split(r"^#+ ", PAGE, flags=re.M)
    (text,) = [part for part in section if part.startswith(heading)]
    lines = [line for line in text.splitlines() if line.startswith("| ")]
    return [
        [cell.strip().strip("`") for cell in line.strip("|").split(" | ")] for line in lines[1:] if "---" not in line
    ]


def test_the_documented_states_are_the_states():
    assert rows_under("States") == [
        [state.code, state.zh, state.en, "yes" if state.is_open else "", state.waits_for] for state in STATES.values()
    ]


def needs(verb) -> str:
    fields = msgspec.structs.fields(verb.fields)
    names = [field.name if field.required else f"({field.name})" for field in fields]
    return ", ".join(names)


def test_the_documented_verbs_are_the_verbs():
    assert rows_under("Verbs") == [
        [verb.name, verb.zh, verb.permission, verb.where, verb.route, needs(verb), "yes" if verb.offline else ""]
        for verb in VERBS.values()
    ]


def moves_of(verb) -> list[list[str]]:
    by_target: dict[tuple[str, str], list[str]] = {}
    for move in MOVES:
        if move.verb == verb.name:
            target = "the same" if move.source == move.target else move.target
            by_target.setdefault((target, move.outcome), []).append(move.source or "(nothing)")
    return [
        [verb.name, "any open" if sorted(sources) == sorted(OPEN) else ", ".join(sources), target, outcome]
        for (target, outcome), sources in by_target.items()
    ]


def test_the_documented_moves_are_the_moves():
    documented = rows_under("Moves")
    expected = []
    for verb in VERBS.values():
        if verb.name == "unmerge":
            expected.append(["unmerge", "MERGED", "the state before", ""])
        else:
            expected += moves_of(verb)
    assert documented == expected


@pytest.mark.parametrize("verb", VERBS.values(), ids=lambda verb: verb.name)
def test_every_verb_can_be_used_by_some_role_and_knows_its_clock(verb):
    assert any(verb.permission in permissions for permissions in ROLES.values())
    assert any(move.verb == verb.name for move in MOVES)
    for move in MOVES:
        if move.verb == verb.name and clock_event(move.verb, move.outcome):
            assert clock_event(move.verb, move.outcome) in EVENTS


def test_every_state_is_reached_and_only_an_ending_is_left_by_nobody():
    reached, border = {""}, {""}
    while border:
        border = {move.target for move in MOVES if move.source in border} - reached
        reached |= border
    assert reached - {""} == set(STATES)
    stuck = [state for state in STATES if not any(m.source == state and m.target != state for m in MOVES)]
    assert stuck == ["WITHDRAWN"]


def test_every_open_state_has_a_way_to_closed():
    closed, grown = {"CLOSED"}, True
    while grown:
        more = {move.source for move in MOVES if move.target in closed} - {""}
        grown = not more <= closed
        closed |= more
    assert set(OPEN) <= closed


WALKS = st.lists(
    st.tuples(
        st.sampled_from(sorted(VERBS)),
        st.sampled_from(["", "granted", "denied", "kept", "redo", "signed_off", "sent_back"]),
    ),
    max_size=40,
)


@settings(max_examples=300, deadline=None)
@given(walk=WALKS)
def test_no_walk_of_verbs_leaves_the_map(walk):
    state = "SUBMITTED"
    for verb, outcome in walk:
        move = find_move(verb, state, outcome)
        if move is None:
            continue
        assert verb in verbs_from(state)
        allowed = {state, *ALLOWED[state], *(("MERGED", "WITHDRAWN") if state in OPEN else ())}
        assert move.target in allowed
        state = move.target
