"""The bureau's taxonomy and routing matrix: loading the shipped ones, replacing them, asking who gets what."""

from __future__ import annotations

import csv
import io
from datetime import date
from pathlib import Path
from uuid import UUID

import msgspec
from msgspec import Struct

from server.audit.actions import record_event
from server.moment import now, today
from server.people.actions import hold_bureau
from server.people.actor import Actor
from server.people.tables import Unit
from server.refusals import refusal
from server.routing.checking.complaints import Complaint, complaints_of
from server.routing.checking.preview import RULES_MAX, Asked, Preview, known_to, preview_route
from server.routing.route import Route, Rule, Subject, choose
from server.routing.tables import Category, RoutingRule, RoutingVersion
from sync.feed import touch_many
from sync.identity import named_id, new_id
from sync.transaction import transaction

SEED = Path(__file__).parent / "seed"
KIND = "category"
_SAME = ("category", "place", "industry", "tier", "lead", "post", "priority", "note")


class Matrix(Struct, frozen=True, kw_only=True):
    version: int
    starts_on: date | None
    note: str
    rules: list[Rule]
    complaints: list[Complaint] = []
    """What somebody should look at; what is wrong stops an edition from being made."""


def read_rules(path: Path) -> list[Rule]:
    """A CSV with the columns category, place, industry, tier, lead, post, co (codes with spaces between), priority and note, in
    UTF-8 or GB18030; all but the category may be missing. Raises `routing.unreadable`."""
    try:
        lines = csv.DictReader(io.StringIO(_text(path.read_bytes()), newline=""))
        return [
            Rule(
                category=line["category"].strip(),
                co=tuple((line.get("co") or "").split()),
                priority=int((line.get("priority") or "0").strip() or 0),
                **{
                    name: (line.get(name) or "").strip()
                    for name in ("place", "industry", "tier", "lead", "post", "note")
                },
            )
            for line in lines
        ]
    except (KeyError, ValueError, AttributeError, csv.Error, OSError) as error:
        raise refusal("routing.unreadable", file=path.name, reason=str(error)) from None


def _text(content: bytes) -> str:
    """Spreadsheets here save as GB18030 as often as not."""
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("gb18030")


async def load_taxonomy(actor: Actor) -> int:
    """Adds the shipped codes this bureau lacks; what it has changed stays. Returns how many were added."""
    actor.must("routing.write")
    with (SEED / "taxonomy.csv").open(encoding="utf-8", newline="") as file:
        lines = list(csv.DictReader(file))
    async with transaction():
        known = {row.code for row in await Category.of_bureau(actor.bureau)}
        missing = [
            Category(
                id=named_id("category", actor.bureau, line["code"]),
                bureau=actor.bureau,
                code=line["code"],
                parent=line["parent"],
                zh=line["zh"],
                en=line["en"],
                icon=line["icon"],
            )
            for line in lines
            if line["code"] not in known
        ]
        if missing:
            await Category.insert(*missing)
            touch_many(actor.bureau, KIND, [row.id for row in missing])
            await record_event(actor, "taxonomy.load", "bureau", actor.bureau, {"added": len(missing)})
    return len(missing)


async def load_seed(actor: Actor, name: str = "donghu") -> Matrix:
    """The shipped taxonomy and the shipped matrix `name` as the bureau's next edition. Its units must exist (`routing.complaints`)."""
    actor.must("routing.write")
    async with transaction():
        await load_taxonomy(actor)
        return await replace_rules(actor, read_rules(SEED / f"{name}.csv"), note=name)


async def replace_rules(actor: Actor, rules: list[Rule], *, starts_on: date | None = None, note: str = "") -> Matrix:
    """A new edition, in force from `starts_on` (today). Raises `routing.complaints` with everything that is wrong with it,
    `routing.rules` for none or too many."""
    actor.must("routing.write")
    if not 0 < len(rules) <= RULES_MAX:
        raise refusal("routing.rules", limit=RULES_MAX)
    async with transaction():
        await hold_bureau(actor.bureau)
        complaints = complaints_of(rules, await known_to(actor.bureau))
        wrong = [one for one in complaints if one.stops]
        if wrong:
            first = wrong[0]
            raise refusal(
                "routing.complaints", count=len(wrong), line=first.line, zh=first.zh, en=first.en, complaints=wrong
            )
        before = await RoutingVersion.count().where(RoutingVersion.bureau == actor.bureau)
        version = RoutingVersion(
            id=named_id("routing_version", actor.bureau, before + 1),
            bureau=actor.bureau,
            version=before + 1,
            starts_on=starts_on or today(),
            note=note,
            person=actor.person,
            created_at=now(),
        )
        await version.save()
        rows = [
            RoutingRule(
                id=new_id(),
                bureau=actor.bureau,
                version=version.version,
                line=line,
                co=msgspec.json.encode(rule.co).decode(),
                **{name: getattr(rule, name) for name in _SAME},
            )
            for line, rule in enumerate(rules, 1)
        ]
        await RoutingRule.insert(*rows)
        await record_event(
            actor, "routing.replace", "bureau", actor.bureau, {"version": version.version, "rules": len(rules)}
        )
    return Matrix(version=version.version, starts_on=version.starts_on, note=note, rules=rules, complaints=complaints)


async def matrix_of(bureau: UUID, on: date | None = None) -> Matrix:
    """The edition in force on a day (today); an empty one of version 0 before there is any."""
    found = (
        await RoutingVersion.objects()
        .where(RoutingVersion.bureau == bureau, RoutingVersion.starts_on <= (on or today()))
        .order_by(RoutingVersion.starts_on, RoutingVersion.version, ascending=False)
        .first()
    )
    if found is None:
        return Matrix(version=0, starts_on=None, note="", rules=[])
    rows = (
        await RoutingRule.objects()
        .where(RoutingRule.bureau == bureau, RoutingRule.version == found.version)
        .order_by(RoutingRule.line)
    )
    rules = [
        Rule(co=tuple(msgspec.json.decode(row.co)), **{name: getattr(row, name) for name in _SAME}) for row in rows
    ]
    return Matrix(version=found.version, starts_on=found.starts_on, note=found.note, rules=rules)


async def preview(actor: Actor, asked: Asked) -> Preview:
    """Who would get it and why, by the edition of that day (today) or by the rules given; nothing is written."""
    actor.must("routing.read")
    if asked.rules is not None:
        return await preview_route(actor, asked, asked.rules, 0)
    matrix = await matrix_of(actor.bureau, asked.on)
    return await preview_route(actor, asked, matrix.rules, matrix.version)


async def propose_route(bureau: UUID, subject: Subject, author_unit: UUID | None = None) -> Route:
    """Who should get an issue about this. The author's unit joins when it is a street and the matrix does not know the place."""
    matrix = await matrix_of(bureau)
    street = ""
    if author_unit is not None:
        unit = await Unit.objects().get((Unit.bureau == bureau) & (Unit.id == author_unit))
        street = unit.code if unit is not None and unit.kind == "street" else ""
    return choose(matrix.rules, subject, version=matrix.version, street=street)


async def list_categories(actor: Actor) -> list[Category]:
    """The taxonomy of this person's bureau; everybody who works with forms may know it."""
    actor.must("form.read")
    return await Category.of_bureau(actor.bureau)
