"""What must hold: nine invariants, by number (I1 to I9), each told in the words it is broken in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID

import msgspec

from sync.cursor import Cursor
from sync.transaction import fetch
from tests.simulation.world import load_forms, load_notes, load_pins

if TYPE_CHECKING:
    from tests.simulation.handset import Handset
    from tests.simulation.play import Play

STATUSES = {"applied", "merged", "conflict", "held", "rejected", "retry"}
FINAL = {"applied", "merged", "conflict"}
LOADERS = {"note": load_notes, "pin": load_pins, "form": load_forms}


class Broken(AssertionError):
    """An invariant does not hold."""


def must(holds: object, invariant: str, told: str) -> None:
    if not holds:
        raise Broken(f"{invariant}: {told}")


# while it goes on -----------------------------------------------------------------------------------------------------


def check_nothing_disappeared(handset: Handset) -> None:
    """I1, all the time: what its person has seen without interruption is never missing, not even between two pages."""
    if handset.firm:
        held = handset.phone.rows("note")
        lost = {note for note, _ in handset.firm if note not in held}
        must(not lost, "I1", f"notes that were in reach all the time have disappeared for a while: {names(lost)}")


def check_result(play: Play, result: dict[str, Any]) -> None:
    """I2 and I3: an operation has one result; what is settled stays so, and is told as new only once."""
    id, status = UUID(result["id"]), result["status"]
    must(status in STATUSES, "I2", f"{status} is no status")
    play.tally.results[status] += 1
    if id in play.reused:
        return
    before = play.model.server.statuses.get(id)
    if before in FINAL:
        must(status == before, "I2", f"operation {name(id)} was {before} and is {status} now")
        is_new = not result.get("duplicate")
        must(not (is_new and id in play.model.server.told), "I3", f"operation {name(id)} was {before} already")
    play.model.server.statuses[id] = status
    if not result.get("duplicate") and status in FINAL:
        play.model.server.told.add(id)


def check_cursors(before: Cursor | None, after: Cursor | None) -> None:
    """I5: within an epoch a cursor only moves forward."""
    must(after is not None, "I5", "the server wrote a cursor it cannot read")
    if before is None or after is None or before.epoch != after.epoch or before.person != after.person:
        return
    moves = after.until >= before.until and after.synced_to >= before.synced_to
    must(moves, "I5", f"from {before.synced_to}/{before.until} back to {after.synced_to}/{after.until}")


async def check_agreement(play: Play, handset: Handset) -> None:
    """I1 and I4: a phone that has read to the head holds exactly what its person may see, word for word."""
    play.tally.agreements += 1
    waiting = handset.phone.db.execute("SELECT target FROM operation WHERE result IS NULL")
    unsent = {UUID(row["target"]) for row in waiting}
    expected = play.model.visible(handset.person) | await _papers(play, handset.person)
    for kind, wanted in expected.items():
        rows = handset.phone.rows(kind)
        if not handset.takes(kind):
            strange = set(rows) - unsent
            must(not strange, "I4", f"{kind} held by a phone that asks for other kinds: {names(strange)}")
            continue
        lost, strange = wanted - set(rows), set(rows) - wanted - unsent
        if kind == "conflict":
            strange -= await _about_the_deleted(play, handset.person)
        must(not lost, "I1", f"{kind} missing on a phone that has caught up: {names(lost)}")
        told = "I7" if strange & play.model.server.deleted else "I4"
        must(not strange, told, f"{kind} held outside of its person's reach: {names(strange)}")
        if kind in LOADERS:
            bodies = await LOADERS[kind](play.bureau, list(wanted))
            differ = {id for id in wanted - unsent if id not in bodies or msgspec.json.decode(bodies[id]) != rows[id]}
            must(not differ, "I1", f"{kind} says something else than on the server: {names(differ)}")


async def check_documents(play: Play, person: UUID, kind: str, collection: Any) -> None:
    """I1, I4, I7 for a reader that speaks RxDB's replication: what it holds and was not told to be deleted."""
    play.tally.agreements += 1
    wanted, live = play.model.visible(person)[kind], collection.live
    lost, strange = wanted - set(live), set(live) - wanted
    must(not lost, "I1", f"{kind} missing in a collection: {names(lost)}")
    told = "I7" if strange & play.model.server.deleted else "I4"
    must(not strange, told, f"{kind} of a collection never came as deleted: {names(strange)}")
    bodies = await LOADERS[kind](play.bureau, list(wanted))
    own = {id: {k: v for k, v in one.items() if k not in ("id", "v", "_deleted")} for id, one in live.items()}
    differ = {id for id in wanted if id not in bodies or msgspec.json.decode(bodies[id]) != own[id]}
    must(not differ, "I1", f"{kind} of a collection says something else than on the server: {names(differ)}")


async def _papers(play: Play, person: UUID) -> dict[str, set[UUID]]:
    """Quarantine is seen by its author; a conflict by its author and by whoever sees the row it is about."""
    kept = await fetch("SELECT id FROM sync_quarantine WHERE bureau = $1 AND person = $2", [play.bureau, person])
    conflicts = await fetch("SELECT id, person, target FROM sync_conflict WHERE bureau = $1", [play.bureau])
    return {
        "quarantine": {row["id"] for row in kept},
        "conflict": {
            row["id"]
            for row in conflicts
            if row["person"] == person or play.model.sees(person, play.model.lives_in(row["target"]))
        },
    }


async def _about_the_deleted(play: Play, person: UUID) -> set[UUID]:
    """Conflicts about rows this person would see, had they not been deleted: to be seen until the tombstone is collected
    and the conflict decided."""
    found = await fetch("SELECT id, target FROM sync_conflict WHERE bureau = $1", [play.bureau])
    return {row["id"] for row in found if play.model.saw(person, play.model.lives_in(row["target"]))}


def check_wiped(handset: Handset) -> None:
    """Rule 22: a revoked device holds nothing it was shown."""
    for kind in ("note", "pin", "form", "quarantine", "conflict"):
        must(not handset.phone.rows(kind), "I4", f"a revoked phone still holds {kind}s")


# in the end -----------------------------------------------------------------------------------------------------------


async def check_all(play: Play) -> None:
    alive = play.alive()
    for handset in alive:
        await check_agreement(play, handset)
    await check_world(play)
    await check_operations(play, alive)
    await check_files(play, alive)
    await check_conflicts(play, alive)


async def check_world(play: Play) -> None:
    """The oracle and the world agree about what there is; nothing deleted returned (I7)."""
    found = await fetch("SELECT id FROM sim_note WHERE bureau = $1 AND merged_into IS NULL", [play.bureau])
    there = {row["id"] for row in found}
    returned = there & play.model.server.deleted
    must(not returned, "I7", f"deleted notes are there again: {names(returned)}")
    wanted = set(play.model.server.notes)
    must(there == wanted, "I3", f"effects without operations, or none where there should be: {names(there ^ wanted)}")


async def check_operations(play: Play, alive: list[Handset]) -> None:
    """I2, I3, I6: each operation has one result and, if it was applied, one effect; none that was answered is gone."""
    found = await fetch("SELECT id, status FROM sync_operation WHERE bureau = $1", [play.bureau])
    statuses = {row["id"]: row["status"] for row in found}
    found = await fetch(
        "SELECT operation, count(*) AS n FROM sim_effect WHERE bureau = $1 GROUP BY operation", [play.bureau]
    )
    effects = {row["operation"]: row["n"] for row in found}
    doubled = {id for id, count in effects.items() if count > 1}
    must(not doubled, "I3", f"operations had their effect twice: {names(doubled)}")
    found = await fetch("SELECT operation, state FROM sync_quarantine WHERE bureau = $1", [play.bureau])
    kept = {row["operation"]: row["state"] for row in found}
    made = {UUID(row["id"]) for one in alive for row in one.phone.db.execute("SELECT id FROM operation")}
    known = play.model.acked | play.model.server.salvaged
    excused = play.model.taken_back - made - set(statuses)  # no phone has them any more, or only one that was revoked
    vanished = (made | known) - set(statuses) - excused
    must(not vanished, "I6", f"operations that were made or answered are nowhere: {names(vanished)}")
    for handset in alive:
        unsent = handset.phone.unsent()
        must(not unsent, "I2", f"operations without any result after healing: {names(unsent)}")
    for id in (made | known) - excused - play.reused:
        _check_operation(play, id, statuses[id], effects.get(id, 0), kept.get(id))


def _check_operation(play: Play, id: UUID, status: str, effects: int, kept: str | None) -> None:
    must(status in STATUSES - {"retry"}, "I2", f"operation {name(id)} is {status} after healing")
    if status in FINAL and play.names[id] != "conflict.resolve":
        must(effects == 1, "I3", f"operation {name(id)} is {status} with {effects} effects")
    if status in ("held", "rejected"):
        must(effects == 0, "I3", f"operation {name(id)} is {status} and had an effect")
        must(kept is not None, "I2", f"operation {name(id)} is {status} and kept nowhere")
    if status == "held":
        must(kept in ("held", "returned"), "I2", f"operation {name(id)} is held, but its paper is {kept}")


async def check_files(play: Play, alive: list[Handset]) -> None:
    """I8: files that operations speak of are stored, or reported missing."""
    stored = await stored_files(play)
    for handset in alive:
        rows = handset.phone.db.execute("SELECT id FROM file").fetchall()
        lost = {UUID(row["id"]) for row in rows} - stored - play.model.lost_files
        must(not lost, "I8", f"files a phone has are not on the server: {names(lost)}")


async def stored_files(play: Play) -> set[UUID]:
    found = await fetch("SELECT id FROM sim_upload WHERE bureau = $1 AND is_stored = 1", [play.bureau])
    return {row["id"] for row in found}


async def check_conflicts(play: Play, alive: list[Handset]) -> None:
    """I9: each open conflict is shown to somebody who may decide it."""
    found = await fetch(
        "SELECT id, person, target FROM sync_conflict WHERE bureau = $1 AND resolved_at IS NULL", [play.bureau]
    )
    for row in found:
        people = {row["person"], *(p for p in play.model.server.grants if play.model.sees(p, row["target"]))}
        theirs = [one for one in alive if one.person in people and one.takes("conflict")]
        shown = not theirs or any(row["id"] in one.phone.rows("conflict") for one in theirs)
        must(shown, "I9", f"nobody sees conflict {name(row['id'])}")


def name(id: UUID) -> str:
    """Ids of the simulation are numbers; those the server derives are told as they are."""
    return f"#{id.int & 0xFFFF}" if id.version is None else str(id)


def names(ids: Any) -> str:
    return ", ".join(sorted(name(id) for id in ids))
