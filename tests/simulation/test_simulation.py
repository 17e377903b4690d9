"""Histories that are always the same, some that are new every time, and those that once went wrong. See docs/reliability.md."""

import json
import random
from pathlib import Path

import pytest

from tests.simulation.machine import FOCUSES, Failure, replay, search
from tests.simulation.play import Tally

TRACES = sorted((Path(__file__).parent / "traces").glob("*.json"))
ALWAYS, NEW = 12, 3


@pytest.mark.parametrize("focus", ["", *FOCUSES])
def test_the_nine_invariants_hold_in_histories_that_are_always_the_same(house, focus):
    explore(house, None, focus, ALWAYS)


@pytest.mark.parametrize("focus", ["", *FOCUSES])
def test_the_nine_invariants_hold_in_new_histories(house, focus):
    explore(house, random.SystemRandom().randrange(10**9), focus, NEW)


def explore(house, seed, focus, histories):
    tally = Tally()
    try:
        search(house, tally, histories=histories, seed=seed, focus=focus)
    except Failure as failure:
        steps = ",\n".join(json.dumps(step) for step in failure.trace)
        pytest.fail(f'seed {seed}\n{failure.reason}\n\nplay it again from a file with\n\n{{"steps": [\n{steps}\n]}}')
    assert tally.histories >= histories
    assert tally.agreements > histories


@pytest.mark.parametrize("trace", TRACES, ids=lambda path: path.stem)
def test_a_history_that_once_went_wrong_goes_well(house, trace):
    tally = Tally()
    replay(house, tally, json.loads(trace.read_text())["steps"])
    assert tally.agreements > 0
