"""A toy world of notes and pins: a note belongs to a topic, whoever watches the topic has it; a pin is filled in once.

The protocol knows neither. Two people and a supervisor, Li 李, Wang 王 and Zhao 赵, share one bureau.
"""

from typing import Any
from uuid import UUID, uuid4

import msgspec

from sync.bulk import among, as_json, rows
from sync.bulk import ids as json_ids
from sync.feed import current_id, touch
from sync.operations import Kind, Operation, OperationContext, Outcome, applied, operation, quarantine, retry
from sync.patches import register_patch
from sync.refusal import id_taken, target_unknown
from sync.transaction import execute, fetch

LI, WANG, ZHAO = (UUID(int=number) for number in (1, 2, 3))

WORLD = [
    "CREATE TABLE toy_note (bureau UUID, id UUID PRIMARY KEY, topic TEXT, title TEXT, body TEXT, merged_into UUID)",
    "CREATE TABLE toy_pin (bureau UUID, id UUID PRIMARY KEY, topic TEXT, body TEXT)",
]


async def load_notes(bureau: UUID, ids: list[UUID]) -> dict[UUID, bytes]:
    found = await fetch(
        f"SELECT id, topic, title, body FROM toy_note WHERE bureau = $1 AND id {among(2)}", [bureau, json_ids(ids)]
    )
    return {
        row["id"]: msgspec.json.encode({"topic": row["topic"], "title": row["title"], "body": row["body"]})
        for row in found
    }


async def note_scopes(bureau: UUID, ids: list[UUID]) -> dict[UUID, set[str]]:
    found = await fetch(
        f"SELECT id, topic FROM toy_note WHERE bureau = $1 AND merged_into IS NULL AND id {among(2)}",
        [bureau, json_ids(ids)],
    )
    return {row["id"]: {f"topic:{topic}" for topic in row["topic"].split("+") if topic} for row in found}


async def load_pins(bureau: UUID, ids: list[UUID]) -> dict[UUID, bytes]:
    found = await fetch(f"SELECT id, body FROM toy_pin WHERE bureau = $1 AND id {among(2)}", [bureau, json_ids(ids)])
    return {row["id"]: row["body"].encode() for row in found}


async def pin_scopes(bureau: UUID, ids: list[UUID]) -> dict[UUID, set[str]]:
    found = await fetch(f"SELECT id, topic FROM toy_pin WHERE bureau = $1 AND id {among(2)}", [bureau, json_ids(ids)])
    return {row["id"]: {f"topic:{row['topic']}"} for row in found}


async def note_fields(bureau: UUID, id: UUID) -> dict[str, Any] | None:
    found = await fetch("SELECT title, body FROM toy_note WHERE bureau = $1 AND id = $2", [bureau, id])
    return {"title": found[0]["title"], "body": found[0]["body"]} if found else None


async def write_note(context: Any, id: UUID, changes: dict[str, Any]) -> None:
    for name, value in changes.items():
        await execute(f"UPDATE toy_note SET {name} = $2 WHERE id = $1", [id, value])
    touch(context.bureau, "note", id)


async def lock_notes(bureau: UUID, ids: list[UUID]) -> None:
    await fetch(
        f"SELECT id FROM toy_note WHERE bureau = $1 AND id {among(2)} ORDER BY id FOR UPDATE",
        [bureau, json_ids(ids)],
    )


async def revive_note(context: Any, id: UUID) -> None:
    """Whoever deletes a note leaves nothing of it: it comes back empty, in the topic of the deleted."""
    await execute(
        "INSERT INTO toy_note (bureau, id, topic, title, body) VALUES ($1, $2, 'a', '', '')", [context.bureau, id]
    )
    touch(context.bureau, "note", id)


NOTE = Kind(
    name="note",
    load=load_notes,
    scopes=note_scopes,
    priority=2,
    fields=note_fields,
    write=write_note,
    lock=lock_notes,
    revive=revive_note,
)
PIN = Kind(name="pin", load=load_pins, scopes=pin_scopes, priority=9)


async def add_note(bureau: UUID, topic: str, title: str = "", body: str = "", *, id: UUID | None = None) -> UUID:
    """Write a note the way a desk would; call it inside a transaction."""
    id = id or uuid4()
    await execute(
        "INSERT INTO toy_note (bureau, id, topic, title, body) VALUES ($1, $2, $3, $4, $5)",
        [bureau, id, topic, title, body],
    )
    touch(bureau, "note", id)
    return id


async def delete_note(bureau: UUID, id: UUID) -> None:
    await execute("DELETE FROM toy_note WHERE bureau = $1 AND id = $2", [bureau, id])
    touch(bureau, "note", id)


async def move_note(bureau: UUID, id: UUID, topic: str) -> None:
    await execute("UPDATE toy_note SET topic = $2 WHERE id = $1", [id, topic])
    touch(bureau, "note", id)


class NewNote(msgspec.Struct, forbid_unknown_fields=True):
    """A note as the phone made it; a title is the least."""

    topic: str
    title: str
    body: str = ""


class Comment(msgspec.Struct, forbid_unknown_fields=True):
    text: str


async def add_notes(context: OperationContext, operations: list[Operation[NewNote]]) -> list[Outcome]:
    """Many notes with one statement; the topic `closed` takes none."""
    outcomes = [judge(context, one) for one in operations]
    good = [one for one, outcome in zip(operations, outcomes, strict=True) if outcome.status == "applied"]
    lines = [
        {"id": one.target, "topic": one.args.topic, "title": one.args.title, "body": one.args.body} for one in good
    ]
    made = await fetch(
        "INSERT INTO toy_note (bureau, id, topic, title, body)"
        " SELECT $1::uuid, rows.id, rows.topic, rows.title, rows.body"
        f" FROM {rows('id uuid, topic text, title text, body text', 2)} WHERE true"
        " ON CONFLICT (id) DO NOTHING RETURNING id",
        [context.bureau, as_json(lines)],
    )
    if len(made) < len(good):
        raise id_taken()
    for one in good:
        touch(context.bureau, "note", one.target)
    return outcomes


def judge(context: OperationContext, one: Operation[NewNote]) -> Outcome:
    if one.args.topic == "closed" and context.accepted_by is None:
        return quarantine("note.closed", "此主题已关闭", "This topic is closed")
    return applied()


@operation("note.add", args=NewNote, batch=add_notes, kind="note", creates=True)
async def add_one(context: OperationContext, one: Operation[NewNote]) -> Outcome:
    return (await add_notes(context, [one]))[0]


@operation("note.comment", args=Comment, kind="note")
async def comment(context: OperationContext, one: Operation[Comment]) -> Outcome:
    """A comment follows a merged note; it marks itself when it was accepted or came late."""
    target = await current_id(context.bureau, "note", one.target)
    mark = "!" if context.late else "+" if context.accepted_by else ""
    found = await fetch(
        "UPDATE toy_note SET body = body || $3 WHERE bureau = $1 AND id = $2 RETURNING id",
        [context.bureau, target, f"[{mark}{one.args.text}]"],
    )
    if not found:
        raise target_unknown()
    touch(context.bureau, "note", target)
    return applied(origin=str(one.target)) if target != one.target else applied()


@operation("note.fail", args=Comment, kind="note")
async def fail(context: OperationContext, one: Operation[Comment]) -> Outcome:
    """A handler with a bug: it writes, and then breaks."""
    await add_note(context.bureau, "a", "half done", id=one.target)
    raise ZeroDivisionError(one.args.text)


later: set[str] = {"later"}


@operation("note.later", args=Comment, kind="note")
async def not_yet(context: OperationContext, one: Operation[Comment]) -> Outcome:
    return retry() if one.args.text in later else await comment(context, one)


register_patch("note.patch", "note")
