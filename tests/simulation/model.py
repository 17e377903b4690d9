"""The oracle: who may see what, kept in plain Python from the actions that were taken. It asks no code of the server.

What a desk does is noted here when it is done. What a phone did is noted when its handler left its line in `sim_effect`.
"""

import copy
from collections import Counter
from collections.abc import Iterable
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

FORMS = "reference:forms"
PERSONS = [UUID(int=number) for number in (1, 2, 3)]


class Note:
    """Where a note stands, and which pins are on it."""

    def __init__(self, topics: str) -> None:
        self.topics = set(topics.split("+"))
        self.pins: set[UUID] = set()


class Server:
    """What a copy of the server's database takes along."""

    def __init__(self) -> None:
        self.grants: dict[UUID, set[str]] = {}
        self.notes: dict[UUID, Note] = {}
        self.merged: dict[UUID, UUID] = {}
        self.deleted: set[UUID] = set()
        self.last_topics: dict[UUID, set[str]] = {}
        """Where a deleted note was."""
        self.forms: set[UUID] = set()
        self.retired: set[UUID] = set()
        self.effects: dict[UUID, str] = {}
        """Operation → name of the handler that ran for it."""
        self.statuses: dict[UUID, str] = {}
        """Operation → what the server said of it last."""
        self.revoked: dict[str, datetime] = {}
        """Devices that were stopped for good, and until when they may hand in what they recorded."""
        self.suspended: dict[UUID, datetime] = {}
        """Persons whose devices are stopped for the time being, and the same of them."""
        self.salvaged: set[UUID] = set()
        """Operations that stopped devices handed in: kept, and applied only when somebody accepts them."""
        self.told: set[UUID] = set()
        """Operations that were told as settled and new."""


class Model:
    """The server as it should be, and what no restore takes back."""

    def __init__(self) -> None:
        self.server = Server()
        self.acked: set[UUID] = set()
        """Operations a phone knows the result of."""
        self.taken_back: set[UUID] = set()
        """Operations that were answered, and that a restore of the server took back."""
        self.copied: set[str] = set()
        """Devices of which there was a second copy at some time."""
        self.stirred: Counter[UUID] = Counter()
        """How often the words of something a person sees have changed at the desk."""
        self.lost_files: set[UUID] = set()
        """What only the report of missing files speaks of."""

    # what is done -------------------------------------------------------------------------------------------------

    def grant(self, person: UUID, topic: str) -> None:
        self.server.grants.setdefault(person, set()).add(topic)

    def revoke(self, person: UUID, topic: str) -> None:
        self.server.grants.setdefault(person, set()).discard(topic)

    def add(self, note: UUID, topics: str) -> None:
        self.server.notes[note] = Note(topics)

    def move(self, note: UUID, topics: str) -> None:
        self.server.notes[note].topics = set(topics.split("+"))

    def delete(self, note: UUID) -> None:
        gone = self.server.notes.pop(note, None)
        if gone is not None:
            self.server.deleted |= {note, *gone.pins}
            self.server.last_topics[note] = gone.topics

    def merge(self, lost: UUID, kept: UUID) -> None:
        self.server.notes[kept].pins |= self.server.notes.pop(lost).pins
        self.server.merged[lost] = kept

    def take_in(self, effects: Iterable[Any]) -> None:
        """Lines the handlers left, in any order; those that are known already are passed over."""
        for line in effects:
            if line["operation"] in self.server.effects:
                continue
            self.server.effects[line["operation"]] = line["name"]
            if line["name"] == "note.add":
                self.add(line["target"], msgspec.json.decode(line["args"])["topics"])
            elif line["name"] == "note.delete":
                self.delete(line["target"])

    def copy(self) -> Server:
        return copy.deepcopy(self.server)

    def restore(self, earlier: Server, *, silently: bool, files: set[UUID]) -> None:
        """The server goes back. Done silently, with the same epoch, nobody can know that it had files which it lost."""
        self.taken_back |= {one for one in self.acked if one not in earlier.statuses}
        self.lost_files = self.lost_files | files if silently else set()
        self.server = copy.deepcopy(earlier)

    def stir(self, note: UUID) -> None:
        self.stirred.update(person for person in PERSONS if self.sees(person, note))

    # who may go on ------------------------------------------------------------------------------------------------

    def stopped_until(self, device: str, person: UUID) -> datetime | None:
        """Until when the work of a stopped device is taken; None for one that goes on."""
        return self.server.revoked.get(device) or self.server.suspended.get(person)

    # who sees what ------------------------------------------------------------------------------------------------

    def sees(self, person: UUID, note: UUID) -> bool:
        found = self.server.notes.get(note)
        return found is not None and bool(found.topics & self.server.grants.get(person, set()))

    def saw(self, person: UUID, note: UUID) -> bool:
        """Would this person see it, had it not been deleted?"""
        return bool(self.server.last_topics.get(note, set()) & self.server.grants.get(person, set()))

    def lives_in(self, note: UUID) -> UUID:
        """Itself, or the note it became part of."""
        while note in self.server.merged:
            note = self.server.merged[note]
        return note

    def visible(self, person: UUID) -> dict[str, set[UUID]]:
        """The rows of each kind this person's phones must hold when they have caught up."""
        notes = {id for id in self.server.notes if self.sees(person, id)}
        return {
            "note": notes,
            "pin": {pin for id in notes for pin in self.server.notes[id].pins},
            "form": set(self.server.forms) if FORMS in self.server.grants.get(person, set()) else set(),
        }

    def sight(self, person: UUID) -> Any:
        """Something else whenever this person has something new to look at, or has lost something."""
        return self.visible(person), self.stirred[person]

    def held_by_topic(self, person: UUID) -> set[tuple[UUID, str]]:
        """Each note with each topic through which this person sees it now."""
        granted = self.server.grants.get(person, set())
        return {(id, topic) for id, note in self.server.notes.items() for topic in note.topics & granted}
