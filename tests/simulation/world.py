"""The world that is simulated: notes placed in topics, pins on notes, forms that are retired, files in pieces.

A note's words and its place are two tables, because the protocol's hardest case is a row whose scopes change while
somebody else writes the row. Every handler leaves a line in `sim_effect`: what really happened, and how often.
"""

import base64
import hashlib
from typing import Any
from uuid import UUID

import msgspec

from sync import operations
from sync.bulk import among, as_json, rows
from sync.bulk import ids as json_ids
from sync.feed import current_id, touch
from sync.operations import (
    Kind,
    Operation,
    OperationContext,
    Outcome,
    applied,
    operation,
    quarantine,
    register_kind,
    retry,
)
from sync.patches import PatchArgs, apply_patch
from sync.refusal import Refusal, id_taken, target_unknown
from sync.scopes import visible_ids
from sync.tables import create_tables
from sync.transaction import execute, fetch, is_postgres, transaction
from tests.simulation import gate

FORMS_SCOPE = "reference:forms"
TABLES = {
    "sim_note": "bureau UUID, id UUID PRIMARY KEY, title TEXT, body TEXT, merged_into UUID",
    "sim_place": "bureau UUID, id UUID PRIMARY KEY, topics TEXT",
    "sim_pin": "bureau UUID, id UUID PRIMARY KEY, note UUID, text TEXT",
    "sim_form": "bureau UUID, id UUID PRIMARY KEY, name TEXT, is_retired INTEGER",
    "sim_effect": "bureau UUID, place {serial}, operation UUID, name TEXT, target UUID, mark TEXT, device UUID,"
    " person UUID, args TEXT",
    "sim_upload": "bureau UUID, id UUID PRIMARY KEY, length BIGINT, sha256 TEXT, content TEXT, is_stored INTEGER",
}


async def make_world() -> None:
    """The tables of the protocol and of this world, in an empty database."""
    serial = "BIGSERIAL PRIMARY KEY" if is_postgres() else "INTEGER PRIMARY KEY"
    for name, columns in TABLES.items():
        await execute(f"CREATE TABLE {name} ({columns.format(serial=serial)})")
        await execute(f"CREATE INDEX {name}_bureau ON {name} (bureau)")
    await create_tables()


class Registry:
    """This world's kinds and operations take the place of all others (but the protocol's own) until they give it back."""

    def __init__(self) -> None:
        self.before = dict(operations._kinds), dict(operations._operations)

    def take(self) -> None:
        kinds, known = self.before
        operations._kinds = {name: kinds[name] for name in ("quarantine", "conflict")}
        operations._operations = {"conflict.resolve": known["conflict.resolve"]}
        for kind in KINDS:
            register_kind(kind)
        for name, options, handler in HANDLERS:
            operation(name, **options)(handler)

    def give_back(self) -> None:
        operations._kinds, operations._operations = self.before


HANDLERS: list[tuple[str, dict[str, Any], Any]] = []


def handles(name: str, **options: Any) -> Any:
    """Like `sync.operations.operation`, for when this world is played."""

    def keep(handler: Any) -> Any:
        HANDLERS.append((name, options, handler))
        return handler

    return keep


# kinds ----------------------------------------------------------------------------------------------------------


async def load_notes(bureau: UUID, ids: list[UUID]) -> dict[UUID, bytes]:
    found = await fetch(
        "SELECT sim_note.id AS id, title, body, topics FROM sim_note JOIN sim_place ON sim_place.id = sim_note.id"
        f" WHERE sim_note.bureau = $1 AND sim_note.id {among(2)}",
        [bureau, json_ids(ids)],
    )
    said = await words_about(bureau, ids)
    return {
        row["id"]: msgspec.json.encode(
            {"topics": row["topics"], "title": row["title"], "body": row["body"], "said": said.get(row["id"], [])}
        )
        for row in found
    }


async def words_about(bureau: UUID, ids: list[UUID]) -> dict[UUID, list[str]]:
    found = await fetch(
        "SELECT target, operation FROM sim_effect WHERE bureau = $1 AND name IN ('note.comment', 'note.later')"
        f" AND target {among(2)} ORDER BY place",
        [bureau, json_ids(ids)],
    )
    said: dict[UUID, list[str]] = {}
    for row in found:
        said.setdefault(row["target"], []).append(str(row["operation"]))
    return said


async def note_scopes(bureau: UUID, ids: list[UUID]) -> dict[UUID, set[str]]:
    found = await fetch(
        "SELECT sim_note.id AS id, topics FROM sim_note JOIN sim_place ON sim_place.id = sim_note.id"
        f" WHERE sim_note.bureau = $1 AND merged_into IS NULL AND sim_note.id {among(2)}",
        [bureau, json_ids(ids)],
    )
    scopes = {row["id"]: scopes_in(row["topics"]) for row in found}
    await gate.passed()
    return scopes


def scopes_in(topics: str) -> set[str]:
    return {f"topic:{topic}" for topic in topics.split("+") if topic}


async def load_pins(bureau: UUID, ids: list[UUID]) -> dict[UUID, bytes]:
    found = await fetch(
        f"SELECT id, note, text FROM sim_pin WHERE bureau = $1 AND id {among(2)}", [bureau, json_ids(ids)]
    )
    return {row["id"]: msgspec.json.encode({"note": row["note"], "text": row["text"]}) for row in found}


async def pin_scopes(bureau: UUID, ids: list[UUID]) -> dict[UUID, set[str]]:
    found = await fetch(
        "SELECT sim_pin.id AS id, topics FROM sim_pin JOIN sim_note ON sim_note.id = sim_pin.note"
        " JOIN sim_place ON sim_place.id = sim_pin.note"
        f" WHERE sim_pin.bureau = $1 AND merged_into IS NULL AND sim_pin.id {among(2)}",
        [bureau, json_ids(ids)],
    )
    return {row["id"]: scopes_in(row["topics"]) for row in found}


async def load_forms(bureau: UUID, ids: list[UUID]) -> dict[UUID, bytes]:
    found = await fetch(
        f"SELECT id, name, is_retired FROM sim_form WHERE bureau = $1 AND id {among(2)}", [bureau, json_ids(ids)]
    )
    return {row["id"]: msgspec.json.encode({"name": row["name"], "is_retired": row["is_retired"]}) for row in found}


async def form_scopes(bureau: UUID, ids: list[UUID]) -> dict[UUID, set[str]]:
    found = await fetch(f"SELECT id FROM sim_form WHERE bureau = $1 AND id {among(2)}", [bureau, json_ids(ids)])
    return {row["id"]: {FORMS_SCOPE} for row in found}


async def note_fields(bureau: UUID, id: UUID) -> dict[str, Any] | None:
    locking = " FOR UPDATE" if is_postgres() else ""
    found = await fetch(f"SELECT title, body FROM sim_note WHERE bureau = $1 AND id = $2{locking}", [bureau, id])
    return {"title": found[0]["title"], "body": found[0]["body"]} if found else None


async def write_note(context: Any, id: UUID, changes: dict[str, Any]) -> None:
    for name, value in changes.items():
        await execute(f"UPDATE sim_note SET {name} = $2 WHERE id = $1", [id, value])
    touch(context.bureau, "note", id)


async def lock_notes(bureau: UUID, ids: list[UUID]) -> None:
    await fetch(
        f"SELECT id FROM sim_note WHERE bureau = $1 AND id {among(2)} ORDER BY id FOR UPDATE", [bureau, json_ids(ids)]
    )


KINDS = [
    Kind(
        name="note",
        load=load_notes,
        scopes=note_scopes,
        priority=2,
        fields=note_fields,
        write=write_note,
        lock=lock_notes,
    ),
    Kind(name="pin", load=load_pins, scopes=pin_scopes, priority=9),
    Kind(name="form", load=load_forms, scopes=form_scopes, priority=0),
]


# operations -----------------------------------------------------------------------------------------------------


class NewNote(msgspec.Struct, forbid_unknown_fields=True):
    """A note as the phone made it, on a form that may have been retired meanwhile."""

    form: UUID
    topics: str
    title: str
    files: list[UUID] = []


class Words(msgspec.Struct, forbid_unknown_fields=True):
    text: str = ""
    files: list[UUID] = []


class Nothing(msgspec.Struct, forbid_unknown_fields=True):
    """For operations whose name says it all."""


async def leave_effects(context: OperationContext, done: list[tuple[Operation[Any], UUID]]) -> None:
    mark = "late" if context.late else "accepted" if context.accepted_by else ""
    lines = [
        {"operation": one.id, "name": one.op, "target": target, "args": (one.raw or b"{}").decode()}
        for one, target in done
    ]
    await execute(
        "INSERT INTO sim_effect (bureau, operation, name, target, mark, device, person, args)"
        " SELECT $1::uuid, rows.operation, rows.name, rows.target, $3, $4::uuid, $5::uuid, rows.args"
        f" FROM {rows('operation uuid, name text, target uuid, args text', 2)} WHERE true",
        [context.bureau, as_json(lines), mark, context.device, context.person],
    )


async def add_notes(context: OperationContext, operations: list[Operation[NewNote]]) -> list[Outcome]:
    """Many notes with three statements; a retired form takes none, unless a supervisor says so."""
    found = await fetch(
        f"SELECT id FROM sim_form WHERE bureau = $1 AND is_retired = 0 AND id {among(2)}",
        [context.bureau, json_ids({one.args.form for one in operations})],
    )
    published = {row["id"] for row in found}
    good = [one for one in operations if one.args.form in published or context.accepted_by is not None]
    lines = [{"id": one.target, "topics": one.args.topics, "title": one.args.title} for one in good]
    made = await fetch(
        "INSERT INTO sim_note (bureau, id, title, body) SELECT $1::uuid, rows.id, rows.title, ''"
        f" FROM {rows('id uuid, topics text, title text', 2)} WHERE true ON CONFLICT (id) DO NOTHING RETURNING id",
        [context.bureau, as_json(lines)],
    )
    if len(made) < len(good):
        raise id_taken()
    await execute(
        "INSERT INTO sim_place (bureau, id, topics) SELECT $1::uuid, rows.id, rows.topics"
        f" FROM {rows('id uuid, topics text, title text', 2)} WHERE true ON CONFLICT (id) DO UPDATE SET topics = excluded.topics",
        [context.bureau, as_json(lines)],
    )
    await leave_effects(context, [(one, one.target) for one in good])
    for one in good:
        touch(context.bureau, "note", one.target)
    retired = quarantine("form.retired", "表单已停用", "The form has been retired")
    return [applied() if one in good else retired for one in operations]


@handles("note.add", args=NewNote, batch=add_notes, kind="note", creates=True)
async def add_one(context: OperationContext, one: Operation[NewNote]) -> Outcome:
    return (await add_notes(context, [one]))[0]


async def reached(context: OperationContext, target: UUID) -> UUID:
    """The note where it lives now, held until the commit, if its writer may see it or a supervisor said so."""
    target = await current_id(context.bureau, "note", target)
    if await note_fields(context.bureau, target) is None:
        raise target_unknown()
    if context.accepted_by is None and not await visible_ids(context.bureau, context.person, "note", [target]):
        raise Refusal("note.out_of_reach", 409, "已不在您的范围内", "No longer within your reach")
    return target


@handles("note.comment", args=Words, kind="note")
async def comment(context: OperationContext, one: Operation[Words]) -> Outcome:
    target = await reached(context, one.target)
    await leave_effects(context, [(one, target)])
    touch(context.bureau, "note", target)
    return applied(origin=str(one.target)) if target != one.target else applied()


class Later(msgspec.Struct, forbid_unknown_fields=True):
    form: UUID


@handles("note.later", args=Later, kind="note")
async def later(context: OperationContext, one: Operation[Later]) -> Outcome:
    """Cannot be decided while a form is retired: the phone asks again."""
    found = await fetch(
        "SELECT is_retired FROM sim_form WHERE bureau = $1 AND id = $2", [context.bureau, one.args.form]
    )
    if found and found[0]["is_retired"]:
        return retry()
    target = await reached(context, one.target)
    await leave_effects(context, [(one, target)])
    touch(context.bureau, "note", target)
    return applied()


@handles("note.delete", args=Nothing, kind="note")
async def delete(context: OperationContext, one: Operation[Nothing]) -> Outcome:
    target = await reached(context, one.target)
    await leave_effects(context, [(one, target)])
    await delete_note(context.bureau, target)
    return applied()


@handles("note.patch", args=PatchArgs, kind="note")
async def patch(context: OperationContext, one: Operation[PatchArgs]) -> Outcome:
    outcome = await apply_patch(context, one, "note", one.args.set)
    if outcome.status != "rejected":
        await leave_effects(context, [(one, one.target)])
    return outcome


@handles("note.fail", args=Words, kind="note")
async def fail(context: OperationContext, one: Operation[Words]) -> Outcome:
    """A handler with a bug: it writes, and then breaks."""
    await leave_effects(context, [(one, one.target)])
    raise ZeroDivisionError(one.args.text)


# the desk -------------------------------------------------------------------------------------------------------


async def add_note(bureau: UUID, id: UUID, topics: str, title: str) -> None:
    await execute("INSERT INTO sim_note (bureau, id, title, body) VALUES ($1, $2, $3, '')", [bureau, id, title])
    await execute("INSERT INTO sim_place (bureau, id, topics) VALUES ($1, $2, $3)", [bureau, id, topics])
    touch(bureau, "note", id)


async def move_note(bureau: UUID, id: UUID, topics: str) -> None:
    """Another place for a note and its pins. The note's own row is not written, so no writer of it waits for this."""
    await execute("UPDATE sim_place SET topics = $2 WHERE id = $1", [id, topics])
    touch(bureau, "note", id)
    await touch_pins(bureau, id)


async def touch_pins(bureau: UUID, note: UUID) -> None:
    for row in await fetch("SELECT id FROM sim_pin WHERE bureau = $1 AND note = $2", [bureau, note]):
        touch(bureau, "pin", row["id"])


async def add_pin(bureau: UUID, id: UUID, note: UUID, text: str) -> None:
    await execute("INSERT INTO sim_pin (bureau, id, note, text) VALUES ($1, $2, $3, $4)", [bureau, id, note, text])
    touch(bureau, "pin", id)


async def delete_note(bureau: UUID, id: UUID) -> None:
    await touch_pins(bureau, id)
    await execute("DELETE FROM sim_pin WHERE bureau = $1 AND note = $2", [bureau, id])
    await execute("DELETE FROM sim_note WHERE id = $1", [id])
    touch(bureau, "note", id)


async def merge_notes(bureau: UUID, lost: UUID, kept: UUID) -> None:
    await execute("UPDATE sim_note SET merged_into = $2 WHERE id = $1", [lost, kept])
    await touch_pins(bureau, lost)
    await execute("UPDATE sim_pin SET note = $2 WHERE note = $1", [lost, kept])
    touch(bureau, "note", lost, redirect_to=kept)


async def set_form(bureau: UUID, id: UUID, name: str, *, is_retired: bool) -> None:
    await execute(
        "INSERT INTO sim_form (bureau, id, name, is_retired) VALUES ($1, $2, $3, $4)"
        " ON CONFLICT (id) DO UPDATE SET is_retired = excluded.is_retired",
        [bureau, id, name, int(is_retired)],
    )
    touch(bureau, "form", id)


# files ----------------------------------------------------------------------------------------------------------


async def tus(bureau: UUID, method: str, path: str, headers: dict[str, str], body: bytes) -> tuple[int, dict[str, str]]:
    """Plain tus 1.0.0: creation, HEAD, PATCH; a file is stored when the hash of the whole fits."""
    async with transaction():
        if method == "POST":
            pairs = dict(pair.split(" ") for pair in headers["upload-metadata"].split(","))
            meta = {name: base64.b64decode(value).decode() for name, value in pairs.items()}
            await execute(
                "INSERT INTO sim_upload (bureau, id, length, sha256, content, is_stored)"
                " VALUES ($1, $2, $3, $4, '', 0) ON CONFLICT (id) DO NOTHING",
                [bureau, UUID(meta["id"]), int(headers["upload-length"]), meta["sha256"]],
            )
            return 201, {"Location": f"/files/{meta['id']}"}
        id = UUID(path.removeprefix("/files/"))
        locking = " FOR UPDATE" if is_postgres() else ""
        found = await fetch(
            f"SELECT length, sha256, content FROM sim_upload WHERE bureau = $1 AND id = $2{locking}", [bureau, id]
        )
        if not found:
            raise Refusal("file.unknown", 404, "没有这个文件", "No such file")
        content = bytes.fromhex(found[0]["content"])
        if method == "PATCH":
            if int(headers["upload-offset"]) != len(content):
                raise Refusal("file.offset", 409, "位置不符", "The offset does not fit")
            content += body
            is_whole = len(content) == found[0]["length"]
            is_stored = is_whole and hashlib.sha256(content).hexdigest() == found[0]["sha256"]
            await execute(
                "UPDATE sim_upload SET content = $2, is_stored = $3 WHERE id = $1", [id, content.hex(), int(is_stored)]
            )
    return 204 if method == "PATCH" else 200, {"Upload-Offset": str(len(content))}
