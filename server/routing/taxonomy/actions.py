"""Codes are added, renamed, retired and brought back, never deleted: what carries one keeps it, and every change is a version."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from msgspec import Raw, Struct

from server.audit.actions import record_event
from server.moment import now
from server.people.actions import Code, Line, Name, hold_bureau
from server.people.actor import Actor
from server.refusals import refusal
from server.routing.actions import KIND
from server.routing.tables import Category
from server.routing.taxonomy.tables import Label, TaxonomyChange
from sync.feed import touch
from sync.identity import named_id, new_id
from sync.transaction import transaction

SHAPE = re.compile(r"[0-9]{2}(?:[0-9]{2})?\Z")
UNKNOWN = "9999"
"""Somewhere "don't know" must go."""
CATEGORY, LABEL = "category", "label"
CHANGES_MAX = 500


class Wording(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    zh: Name
    en: Line = ""


class Retirement(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    reason: Name
    successor: Line = ""
    """The code to use instead; empty when there is none."""


class CodeOut(Struct, frozen=True, kw_only=True):
    code: str
    zh: str
    en: str
    is_retired: bool
    successor: str


class ChangeOut(Struct, frozen=True, kw_only=True):
    version: int
    at: datetime
    person: UUID
    what: str
    code: str
    change: str
    reason: str
    before: Raw
    after: Raw


async def put_code(actor: Actor, what: str, code: Code, wording: Wording) -> CodeOut:
    """Adds a code, renames it, or brings a retired one back. Raises `category.shape`, `category.parent`."""
    actor.must("routing.write")
    async with transaction():
        await hold_bureau(actor.bureau)
        row = await _find(actor.bureau, what, code)
        before = _seen(row)
        if what == CATEGORY:
            await _must_have_place(actor.bureau, code)
        if row is None:
            change, row = "add", _new(actor.bureau, what, code)
        else:
            change = "revive" if row.retired_at is not None else "rename"
        row.zh, row.en, row.retired_at, row.successor = wording.zh, wording.en, None, ""
        await row.save()
        await _keep(actor, what, code, change, "", before, row)
    return _shown(row)


async def retire_code(actor: Actor, what: str, code: str, retirement: Retirement) -> CodeOut:
    """Nothing new gets it; what carries it keeps it. Raises `category.unknown`, `category.retired`, `category.kept`,
    `category.children` and `category.successor`."""
    actor.must("routing.write")
    async with transaction():
        await hold_bureau(actor.bureau)
        row = await _find(actor.bureau, what, code)
        if row is None:
            raise refusal("category.unknown", category=code)
        if row.retired_at is not None:
            raise refusal("category.retired", category=code, successor=row.successor or "-")
        if what == CATEGORY:
            await _must_be_dispensable(actor.bureau, code)
        if retirement.successor:
            follows = await _find(actor.bureau, what, retirement.successor)
            if follows is None or follows.retired_at is not None or retirement.successor == code:
                raise refusal("category.successor", successor=retirement.successor)
        before = _seen(row)
        row.retired_at, row.successor = now(), retirement.successor
        await row.save()
        await _keep(actor, what, code, "retire", retirement.reason, before, row)
    return _shown(row)


async def list_labels(actor: Actor) -> list[CodeOut]:
    actor.must("form.read")
    return [_shown(row) for row in await Label.objects().where(Label.bureau == actor.bureau).order_by(Label.code)]


async def list_changes(actor: Actor) -> list[ChangeOut]:
    """Every version of the taxonomy, the newest first."""
    actor.must("routing.read")
    rows = TaxonomyChange.objects().where(TaxonomyChange.bureau == actor.bureau)
    return [
        ChangeOut(
            version=row.version, at=row.at, person=row.person, what=row.what, code=row.code, change=row.change, reason=row.reason,
            before=Raw(row.before.encode()), after=Raw(row.after.encode()),
        )
        for row in await rows.order_by(TaxonomyChange.version, ascending=False).limit(CHANGES_MAX)
    ]  # fmt: skip


async def must_be_in_use(bureau: UUID, code: str) -> None:
    """Raises `category.retired`, naming what to use instead."""
    row = await _find(bureau, CATEGORY, code)
    if row is not None and row.retired_at is not None:
        raise refusal("category.retired", category=code, successor=row.successor or "-")


async def _find(bureau: UUID, what: str, code: str) -> Any:
    table = _table(what)
    return await table.objects().get((table.bureau == bureau) & (table.code == code))


def _table(what: str) -> Any:
    return Category if what == CATEGORY else Label


def _new(bureau: UUID, what: str, code: str) -> Any:
    made: dict[str, Any] = {"id": named_id(what, bureau, code), "bureau": bureau, "code": code, "zh": ""}
    return Category(**made, parent=code[:2] if len(code) > 2 else "") if what == CATEGORY else Label(**made)


async def _must_have_place(bureau: UUID, code: str) -> None:
    if not SHAPE.match(code):
        raise refusal("category.shape", category=code)
    if len(code) == 4:
        above = await _find(bureau, CATEGORY, code[:2])
        if above is None or above.retired_at is not None:
            raise refusal("category.parent", category=code, parent=code[:2])


async def _must_be_dispensable(bureau: UUID, code: str) -> None:
    if code in (UNKNOWN, UNKNOWN[:2]):
        raise refusal("category.kept", category=code)
    below = Category.select(Category.code).where(
        Category.bureau == bureau, Category.parent == code, Category.retired_at.is_null()
    )
    left = [row["code"] for row in await below.order_by(Category.code)]
    if left:
        raise refusal("category.children", category=code, children="、".join(left))


def _seen(row: Any) -> str:
    return msgspec.json.encode(_shown(row)).decode() if row is not None else "{}"


def _shown(row: Any) -> CodeOut:
    return CodeOut(
        code=row.code, zh=row.zh, en=row.en, is_retired=row.retired_at is not None, successor=row.successor
    )  # fmt: skip


async def _keep(actor: Actor, what: str, code: str, change: str, reason: str, before: str, row: Any) -> None:
    version = await TaxonomyChange.count().where(TaxonomyChange.bureau == actor.bureau) + 1
    await TaxonomyChange(
        id=new_id(), bureau=actor.bureau, version=version, at=now(), person=actor.person, what=what, code=code,
        change=change, reason=reason, before=before, after=_seen(row),
    ).save()  # fmt: skip
    if what == CATEGORY:
        touch(actor.bureau, KIND, row.id)
    await record_event(actor, f"{what}.{change}", what, row.id, {"code": code, "version": version})
