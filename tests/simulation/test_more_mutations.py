"""Would the simulation notice? What `test_mutations.py` asks of what the protocol rests on, asked of the rules about stopped phones,
compressed bodies, kinds, live news and RxDB's readers."""

import zlib
from typing import Any

from server import compression
from sync import devices, push
from sync.live.hub import Hub
from sync.phone import Phone
from sync.rx.pull import RxPage
from tests.simulation import news, stops
from tests.simulation.test_mutations import noticed


def test_a_stopped_phone_whose_work_is_applied_is_noticed(house, monkeypatch):
    """The door lets it in, and the push takes it for any other."""
    monkeypatch.setattr(push, "stopped", lambda row, moment: False)
    assert noticed(house, "stopping") in ("I2", "I4")


def test_a_time_of_salvage_that_does_not_end_is_noticed(house, monkeypatch):
    def for_ever(row: Any, moment: Any) -> bool:
        return row["revoked_at"] is not None or row["suspended_at"] is not None

    monkeypatch.setattr(devices, "stopped", for_ever)
    monkeypatch.setattr(push, "stopped", for_ever)
    assert noticed(house, "stopping") == "I2"


def test_a_person_who_comes_back_and_may_not_go_on_is_noticed(house, monkeypatch):
    async def nobody(bureau: Any, person: Any) -> None:
        return

    monkeypatch.setattr(stops, "resume_devices", nobody)
    assert noticed(house, "stopping") == "I6"


def test_a_phone_that_asks_for_other_kinds_and_keeps_what_it_lost_is_noticed(house, monkeypatch):
    monkeypatch.setattr(Phone, "_heed_kinds", lambda self: None)
    assert noticed(house, "waiting") in ("I4", "I7")


def test_a_doubled_body_that_is_taken_for_whole_is_noticed(house, monkeypatch):
    def first_member(packed: bytes, limit: int) -> bytes:
        return zlib.decompressobj(zlib.MAX_WBITS | 16).decompress(packed)

    monkeypatch.setattr(compression, "_gunzip", first_member)
    assert noticed(house, "sending") == "I3"


def test_news_from_before_a_phone_began_to_wait_that_are_not_told_are_noticed(house, monkeypatch):
    async def nobody(*_: Any) -> set[Any]:
        return set()

    monkeypatch.setattr(Hub, "_who_is_behind", nobody)
    monkeypatch.setattr(news, "HEARD_WITHIN", 2)
    assert noticed(house, "waiting") == "I1"


def test_a_lost_scope_whose_documents_are_not_deleted_is_noticed(house, monkeypatch):
    async def forgotten(self: RxPage, drain: Any) -> None:
        self.at.drains.pop(0)

    monkeypatch.setattr(RxPage, "_drain", forgotten)
    assert noticed(house, "waiting") in ("I4", "I7")
