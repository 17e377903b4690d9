"""The Hypothesis state machine: it draws steps of a play and what they need; and how a history that went wrong is
made short."""

import traceback
from typing import Any

from hypothesis import HealthCheck, Phase, Verbosity, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule, run_state_machine_as_test

from tests.simulation.door import House
from tests.simulation.line import NAMES
from tests.simulation.model import PERSONS
from tests.simulation.play import FIELDS, LIMITS, OFFSETS, PLACES, TOPICS, Play, Tally
from tests.simulation.waiting import KINDS, RX_KINDS

Trace = list[tuple[str, dict[str, Any]]]
Steps = dict[str, dict[str, st.SearchStrategy[Any]]]


def upto(count: int) -> st.SearchStrategy[int]:
    return st.integers(0, count - 1)


some = upto(8)
phone = upto(5)
faults = st.lists(upto(len(NAMES)), max_size=5)
STEPS: Steps = {
    "write": {"place": upto(len(PLACES)), "count": st.integers(1, 3)},
    "pin": {"note": some, "count": st.integers(1, 2)},
    "move": {"note": some, "place": upto(len(PLACES))},
    "edit": {"note": some, "field": upto(len(FIELDS)), "value": upto(3)},
    "delete": {"note": some},
    "merge": {"lost": some, "kept": some},
    "give": {"person": upto(len(PERSONS)), "topic": upto(len(TOPICS))},
    "take": {"person": upto(len(PERSONS)), "topic": upto(len(TOPICS))},
    "take_and_give": {"person": upto(len(PERSONS)), "topic": upto(len(TOPICS)), "at_once": st.booleans()},
    "retire": {"form": upto(2), "back": st.booleans()},
    "decide": {"which": some, "accepts": st.booleans()},
    "settle": {"which": some, "takes": st.booleans()},
    "wait": {"hours": st.sampled_from([1, 30, 130])},
    "collect": {"percent": st.sampled_from([30, 70, 100])},
    "rotate": {},
    "back_up": {},
    "restore": {"which": some, "rotates": st.booleans()},
    "enrol": {"person": upto(len(PERSONS)), "limit": upto(len(LIMITS)), "coding": some},
    "check": {"phone": phone},
    "enrol_again": {"phone": phone},
    "revoke_phone": {"phone": phone, "days": st.sampled_from([0, 3])},
    "suspend": {"person": upto(len(PERSONS)), "days": st.sampled_from([0, 3])},
    "resume": {"person": upto(len(PERSONS))},
    "choose_kinds": {"phone": phone, "which": upto(len(KINDS))},
    "listen": {"phone": phone, "late": upto(3)},
    "hear": {"phone": phone},
    "read_rx": {
        "person": upto(len(PERSONS)),
        "kind": upto(len(RX_KINDS)),
        "pages": upto(4),
        "limit": st.integers(1, 4),
    },
    "add": {"phone": phone, "place": upto(len(PLACES)), "form": upto(2), "files": upto(2)},
    "comment": {"phone": phone, "note": some, "files": upto(2)},
    "patch": {"phone": phone, "note": some, "field": upto(len(FIELDS)), "value": upto(3)},
    "erase": {"phone": phone, "note": some},
    "settle_here": {"phone": phone, "which": some, "takes": st.booleans()},
    "odd": {"phone": phone, "note": some, "which": upto(6)},
    "sync": {"phone": phone, "faults": faults},
    "push": {"phone": phone, "faults": faults},
    "pull": {"phone": phone, "faults": faults},
    "page": {"phone": phone, "pages": st.integers(1, 3)},
    "amid": {
        "phone": phone,
        "pages": st.integers(1, 12),
        "writes": st.integers(1, 3),
        "rotates": st.booleans(),
        "moves": st.booleans(),
    },
    "start": {"phone": phone, "what": upto(2), "where": upto(2)},
    "go_on": {"phone": phone, "where": upto(4)},
    "ghost": {"phone": phone, "which": some},
    "crash": {"phone": phone, "statements": st.integers(0, 40), "what": upto(2)},
    "copy": {"phone": phone},
    "set_back": {"phone": phone, "keeps": st.booleans()},
    "clone": {"phone": phone, "keeps": st.booleans()},
    "forget": {"phone": phone},
    "set_clock": {"phone": phone, "offset": upto(len(OFFSETS))},
    "race": {"first": upto(3), "second": upto(4), "note": some, "place": upto(len(PLACES)), "reader": phone},
}
OFTEN = {
    "write": 2, "move": 2, "give": 2, "add": 4, "comment": 4, "patch": 4, "edit": 2, "sync": 6, "push": 3, "pull": 4,
    "page": 2, "start": 2, "go_on": 3, "crash": 4, "race": 2, "decide": 2, "settle_here": 2, "amid": 3, "restore": 2,
    "resume": 2, "listen": 3, "hear": 4, "read_rx": 4,
}  # fmt: skip
"""Steps that stand in the machine more than once, so that histories do work and not only suffer."""
FOCUSES: dict[str, set[str]] = {
    "reading": {"write", "pin", "move", "edit", "delete", "merge", "give", "take", "take_and_give", "pull", "page", "amid",
                "crash", "rotate", "collect", "start", "go_on", "race", "check"},
    "reconciling": {"write", "amid", "rotate", "collect", "pull", "page", "edit", "crash"},
    "sending": {"add", "comment", "patch", "edit", "erase", "odd", "push", "sync", "ghost", "start", "go_on", "crash",
                "decide", "retire", "settle", "settle_here", "wait", "take", "give", "merge"},
    "stopping": {"write", "add", "comment", "patch", "push", "sync", "pull", "revoke_phone", "suspend", "resume", "decide",
                 "wait", "clone", "crash", "start", "go_on", "ghost", "take", "give", "enrol"},
    "waiting": {"write", "pin", "move", "edit", "give", "take", "pull", "listen", "hear", "choose_kinds", "read_rx"},
    "restoring": {"write", "edit", "move", "take", "give", "add", "comment", "push", "sync", "pull", "back_up", "restore",
                  "copy", "set_back", "clone", "crash", "enrol_again", "wait", "forget"},
}  # fmt: skip
"""Histories of a few kinds of steps go deeper than those of all kinds."""
STEPS_PER_HISTORY = 60


class Failure(Exception):
    """A history that breaks an invariant, as short as it could be made."""

    def __init__(self, trace: Trace, reason: str) -> None:
        super().__init__(reason)
        self.trace = trace
        self.reason = reason


class Failing:
    """The last history that went wrong."""

    def __init__(self) -> None:
        self.play: Play | None = None
        self.reason = ""


def machine_for(house: House, tally: Tally, failing: Failing, focus: str = "") -> type[RuleBasedStateMachine]:
    """A state machine whose rules are the steps of a play in this house."""

    class Histories(RuleBasedStateMachine):
        def __init__(self) -> None:
            super().__init__()
            self.play = Play(house, tally)
            self.is_broken = False
            self.run(self.play.begin())

        def run(self, work: Any) -> None:
            try:
                house.run(work)
            except Exception:
                self.is_broken = True
                failing.play, failing.reason = self.play, traceback.format_exc()
                raise

        def teardown(self) -> None:
            if self.is_broken:
                house.run(self.play.close())
            else:
                self.run(self.play.end())

    def rule_of(name: str) -> Any:
        def act(self: Histories, **args: Any) -> None:
            self.run(self.play.step(name, **args))

        act.__name__ = name
        return rule(**STEPS[name])(act)

    for name in sorted(FOCUSES.get(focus, STEPS)):
        for number in range(OFTEN.get(name, 1)):
            setattr(Histories, f"{name}_{number}", rule_of(name))
    return Histories


def search(
    house: House,
    tally: Tally,
    *,
    histories: int,
    seed: int | None,
    focus: str = "",
    shortens: bool = True,
    steps: int = STEPS_PER_HISTORY,
) -> None:
    """Play so many histories drawn from the seed (None: always the same ones), of all steps or of those in one focus; raises
    Failure with a short one."""
    failing = Failing()
    machine = machine_for(house, tally, failing, focus)
    if seed is not None:
        machine._hypothesis_internal_use_seed = seed  # type: ignore[attr-defined]
    try:
        run_state_machine_as_test(
            machine,
            settings=settings(
                max_examples=histories,
                stateful_step_count=steps,
                derandomize=seed is None,
                database=None,
                deadline=None,
                verbosity=Verbosity.quiet,
                report_multiple_bugs=False,
                suppress_health_check=list(HealthCheck),
                phases=[Phase.generate],  # `shorten` knows what a history is, and is much faster at it
            ),
        )
    except BaseException as error:
        if failing.play is None or isinstance(error, KeyboardInterrupt):
            raise
        failure = Failure(failing.play.trace, failing.reason)
        raise shorten(house, failure) if shortens else failure from error


def shorten(house: House, failure: Failure) -> Failure:
    """The same failure with as few and as plain steps as can be found by leaving out halves, quarters … single ones."""
    size = len(failure.trace) // 2
    while size:
        place = 0
        while place < len(failure.trace):
            shorter = fails(house, failure.trace[:place] + failure.trace[place + size :])
            failure = shorter or failure
            place += 0 if shorter else size
        size //= 2
    for place, (name, args) in enumerate(failure.trace):
        for key, value in args.items():
            plainer = [*failure.trace]
            plainer[place] = name, args | {key: type(value)()}
            if value != type(value)():
                failure = fails(house, plainer) or failure
    return failure


def fails(house: House, trace: Trace, tally: Tally | None = None) -> Failure | None:
    """How this history goes wrong, if it does."""
    try:
        replay(house, tally or Tally(), trace)
    except Exception:
        return Failure(trace, traceback.format_exc())
    return None


def replay(house: House, tally: Tally, trace: Trace) -> None:
    """Play a history again."""
    play = Play(house, tally)

    async def act() -> None:
        try:
            await play.begin()
            for name, args in trace:
                await play.step(name, **args)
        except BaseException:
            await play.close()
            raise
        await play.end()

    house.run(act())
