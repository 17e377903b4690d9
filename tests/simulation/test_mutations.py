"""Would the simulation notice? Each test breaks one thing the protocol rests on, at a named place, and wants a history to go
wrong over it. The histories are always the same ones: those the simulation plays, and some more."""

from typing import Any

import pytest

from sync import feed, pull
from sync.phone import Phone
from sync.phone.queue import Queue
from sync.push import Push
from sync.transaction import execute, fetch
from tests.conftest import ON_POSTGRES
from tests.simulation import broken
from tests.simulation.machine import Failure, search
from tests.simulation.play import Tally

one_writer = pytest.mark.skipif(not ON_POSTGRES, reason="SQLite has one writer: nothing can commit late")
TRIES = 54
"""Histories, of which one must go wrong."""


def noticed(house: Any, focus: str) -> str:
    """The invariant that was broken."""
    with pytest.raises(Failure) as found:
        search(house, Tally(), histories=TRIES, seed=None, focus=focus, shortens=False)
    reason = found.value.reason.strip().splitlines()[-1]
    assert "Broken: I" in reason, reason
    return reason.partition("Broken: ")[2][:2]


@one_writer
def test_numbers_from_a_sequence_are_noticed(house, monkeypatch):
    """Numbers taken without holding the head until the commit: a reader passes one that comes late."""
    house.run(execute("CREATE SEQUENCE IF NOT EXISTS sim_numbers START 100000"))

    async def from_a_sequence(bureau: Any, count: int) -> int:
        last = 0
        for _ in range(count):
            last = (await fetch("SELECT nextval('sim_numbers') AS n"))[0]["n"]
        await execute(
            "INSERT INTO sync_head (bureau, n, epoch, floor) VALUES ($1, 0, gen_random_uuid(), 0) ON CONFLICT DO NOTHING",
            [bureau],
        )
        return last

    async def raised_at_the_end(bureau: Any, head: int, *rest: Any) -> None:
        await write_commit(bureau, head, *rest)
        await execute("UPDATE sync_head SET n = greatest(n, $2) WHERE bureau = $1", [bureau, head])

    write_commit = feed._write_commit
    monkeypatch.setattr(feed, "raise_head", from_a_sequence)
    monkeypatch.setattr(feed, "_write_commit", raised_at_the_end)
    assert noticed(house, "reading") == "I1"


@one_writer
def test_scopes_asked_for_before_the_head_is_locked_are_noticed(house, monkeypatch):
    for name in ("_flush_bureau", "_current_scopes"):
        monkeypatch.setattr(feed, name, getattr(feed, name))  # to be what it was afterwards
    broken.scopes_asked_early()
    assert noticed(house, "reading") in ("I1", "I4")


def test_operations_whose_id_is_not_looked_up_are_noticed(house, monkeypatch):
    store_ids = Push._store_ids

    async def forgetful(self: Push, ordered: list[Any], have_n: int) -> list[Any]:
        await store_ids(self, ordered, have_n)
        for item in ordered:
            item.result = None
        return ordered

    monkeypatch.setattr(Push, "_store_ids", forgetful)
    assert noticed(house, "sending") in ("I2", "I3")


def test_a_cursor_saved_before_its_rows_is_noticed(house, monkeypatch):
    def cursor_first(self: Phone, answer: Any) -> None:
        with self.together():
            self._note_place(answer)
        with self.together():
            for change in answer.changes:
                self.obey(change)

    monkeypatch.setattr(Phone, "_store_page", cursor_first)
    assert noticed(house, "reading") in ("I1", "I4", "I7")


def test_a_scope_that_is_lost_without_a_word_is_noticed(house, monkeypatch):
    monkeypatch.setattr(pull.Grants, "lost_between", lambda self, start, until: [])
    assert noticed(house, "reading") in ("I4", "I7")


def test_a_sweep_before_the_delta_round_is_noticed(house, monkeypatch):
    store_page = Phone._store_page

    def sweeping(self: Phone, answer: Any) -> None:
        store_page(self, answer)
        if answer.complete:
            self.sweep()

    monkeypatch.setattr(Phone, "_store_page", sweeping)
    assert noticed(house, "reconciling") == "I1"


def test_a_restore_that_nobody_looks_for_is_noticed(house, monkeypatch):
    """The commit a cursor names is taken for known."""

    async def any_commit(*_: Any) -> bool:
        return True

    monkeypatch.setattr(pull, "_is_known", any_commit)
    assert noticed(house, "restoring") in ("I1", "I4", "I5", "I7")


def test_a_journal_that_is_not_offered_again_is_noticed(house, monkeypatch):
    def unsent_alone(self: Queue, n: int) -> None:
        self.db.execute("UPDATE operation SET n = NULL WHERE result IS NULL")
        self.set_meta("last_n", n)
        self.set_meta("forgotten_n", n)

    monkeypatch.setattr(Queue, "_number_again_after", unsent_alone)
    assert noticed(house, "restoring") in ("I6", "I8")
