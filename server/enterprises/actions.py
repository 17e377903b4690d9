"""The registry's verbs: add, change, find, follow an old id."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

import msgspec
from msgspec import Struct

from server.audit.actions import record_event
from server.enterprises import credit_code
from server.enterprises.fields import CONTACT_FIELDS, FACTS_MAX, FIELDS, TEXT_FIELDS, pinyin_of, read_value
from server.enterprises.tables import Enterprise, EnterpriseContact, EnterpriseTier
from server.moment import now, today
from server.people.actor import Actor
from server.people.tables import Bureau
from server.refusals import refusal
from sync.feed import touch
from sync.identity import new_id
from sync.stamps import stamp_fields
from sync.transaction import fetch, is_postgres, transaction

KIND, NAME_KIND, ASSIGNMENT_KIND = "enterprise", "enterprise_name", "assignment"


class NewEnterprise(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    name: str
    credit_code: str = ""
    """Empty for a firm that has none yet: it gets a temporary id."""
    status: str = "active"
    region: str = ""
    industry: str = ""
    address: str = ""
    tier: str = ""
    size: str = ""
    tags: list[str] = []
    contact_name: str = ""
    contact_post: str = ""
    contact_phone: str = ""
    facts: dict[str, Any] = {}


async def add_enterprise(actor: Actor, new: NewEnterprise) -> Enterprise:
    """Raises `enterprise.exists`, `enterprise.nameless`, `enterprise.code_invalid`, `enterprise.field_invalid`, `.facts_too_many`."""
    actor.must("enterprise.write")
    values = checked(msgspec.structs.asdict(new) | new.facts, without=("facts",))
    if not values.get("name"):
        raise refusal("enterprise.nameless")
    moment = now()
    async with transaction():
        code = values.get("credit_code", "")
        await _must_be_free(actor.bureau, code)
        temporary = None if code else (await take_temporary_ids(actor.bureau, 1))[0]
        row = Enterprise(
            id=new_id(),
            bureau=actor.bureau,
            credit_code=code or None,
            temporary_id=temporary,
            pinyin=pinyin_of(values["name"]),
            tags=_json(values.get("tags", [])),
            facts=_facts({name: value for name, value in values.items() if name not in FIELDS}),
            created_at=moment,
            updated_at=moment,
            **{name: values[name] for name in TEXT_FIELDS if name in values and name != "credit_code"},
        )
        await row.save()
        await _write_contact(row, values)
        if row.tier:
            await _open_tier(row, row.tier)
        touch_enterprise(actor.bureau, row.id)
        await record_event(actor, "enterprise.add", "enterprise", row.id, {"credit_code": code or temporary})
    return row


async def change_enterprise(actor: Actor, enterprise: UUID, changes: Mapping[str, Any]) -> Enterprise:
    """Sets fields at the desk; a phone that edited an older state of one of them gets a conflict. Unknown names are facts."""
    actor.must("enterprise.write")
    values = checked(changes)
    if not values:
        raise refusal("enterprise.nothing_set")
    async with transaction():
        row = await hold_enterprise(actor, enterprise)
        before = await flat(row)
        changed = {name: value for name, value in values.items() if before.get(name, "") != value}
        if changed:
            await store_values(row, changed)
            await stamp_fields(actor.bureau, KIND, row.id, changed, hand=str(actor.person), person=actor.person)
            await record_event(actor, "enterprise.change", "enterprise", row.id, {"fields": sorted(changed)})
    return row


async def store_values(row: Enterprise, values: Mapping[str, Any]) -> None:
    """Writes canonical values into the row, its first contact and its facts, and touches the feed. Inside a transaction."""
    if code := values.get("credit_code"):
        await _must_be_free(row.bureau, code, but=row.id)
    for name in TEXT_FIELDS:
        if name in values:
            setattr(row, name, (values[name] or None) if name == "credit_code" else values[name])
    if row.credit_code is None and row.temporary_id is None:
        row.temporary_id = (await take_temporary_ids(row.bureau, 1))[0]
    if "name" in values:
        row.pinyin = pinyin_of(row.name)
    if "tags" in values:
        row.tags = _json(values["tags"])
    if "tier" in values:
        await _open_tier(row, row.tier)
    facts = msgspec.json.decode(row.facts)
    facts.update({name: value for name, value in values.items() if name not in FIELDS})
    row.facts = _facts(facts)
    row.updated_at = now()
    await row.save()
    await _write_contact(row, values)
    touch_enterprise(row.bureau, row.id)


def checked(values: Mapping[str, Any], without: tuple[str, ...] = ()) -> dict[str, Any]:
    """Canonical values, or a refusal that names the first field that does not fit."""
    found = {}
    for name, value in values.items():
        if name in without:
            continue
        found[name], misfit = read_value(name, value)
        if misfit is not None:
            code = "enterprise.code_invalid" if name == "credit_code" else "enterprise.field_invalid"
            raise refusal(code, field=misfit.field, value=misfit.value, reason_zh=misfit.zh, reason=misfit.en)
    return found


async def flat(row: Enterprise) -> dict[str, Any]:
    """The dossier as one level of fields: text, tags, the first contact, and every fact under its own name."""
    contact = await EnterpriseContact.objects().get(
        (EnterpriseContact.bureau == row.bureau)
        & (EnterpriseContact.enterprise == row.id)
        & EnterpriseContact.is_first.eq(True)
    )
    values: dict[str, Any] = msgspec.json.decode(row.facts)
    values.update({name: getattr(row, name) or "" for name in TEXT_FIELDS})
    values["tags"] = msgspec.json.decode(row.tags)
    values["contact_name"] = contact.name if contact else ""
    values["contact_post"] = contact.post if contact else ""
    values["contact_phone"] = contact.phone if contact else ""
    return values


async def reach_enterprise(actor: Actor, enterprise: UUID) -> Enterprise:
    """The row, or the one it was merged into, when this person may see it. Raises `enterprise.unknown`."""
    actor.must("enterprise.read")
    found = await resolve_enterprise(actor.bureau, enterprise)
    row = await Enterprise.visible_to(actor).where(Enterprise.id == found.id).first() if found else None
    if row is None:
        raise refusal("enterprise.unknown")
    return row


async def hold_enterprise(actor: Actor, enterprise: UUID) -> Enterprise:
    """`reach_enterprise` and hold the row until the commit: what a phone writes meanwhile is not written over."""
    row = await reach_enterprise(actor, enterprise)
    if is_postgres():
        await fetch("SELECT id FROM enterprise WHERE id = $1 FOR UPDATE", [row.id])
        await row.refresh()
    return row


async def resolve_enterprise(bureau: UUID, enterprise: UUID) -> Enterprise | None:
    """The row that stands for this id today, whoever asks; an id that was merged leads to where it went."""
    row = await Enterprise.objects().get((Enterprise.bureau == bureau) & (Enterprise.id == enterprise))
    # Merging repoints older rows, so one step is always enough.
    if row is None or row.merged_into is None:
        return row
    return await Enterprise.objects().get((Enterprise.bureau == bureau) & (Enterprise.id == row.merged_into))


async def find_by_code(bureau: UUID, code: str) -> Enterprise | None:
    """By credit code or temporary id, however it was typed; a temporary id also finds the firm it was merged into."""
    wanted = credit_code.normalise(code)
    column = Enterprise.temporary_id if credit_code.is_temporary(wanted) else Enterprise.credit_code
    row = await Enterprise.objects().get((Enterprise.bureau == bureau) & (column == wanted))
    return row if row is None or row.merged_into is None else await resolve_enterprise(bureau, row.id)


async def list_enterprises(
    actor: Actor, *, query: str = "", tier: str = "", status: str = "", after: tuple[str, UUID] | None, limit: int
) -> list[Enterprise]:
    """By name, then id. `query` is part of a name, a code or the reading of a name (initials or whole)."""
    actor.must("enterprise.read")
    rows = Enterprise.visible_to(actor)
    if tier:
        rows = rows.where(Enterprise.tier == tier)
    if status:
        rows = rows.where(Enterprise.status == status)
    if wanted := query.strip():
        rows = rows.where(_matches(wanted))
    if after is not None:
        name, last = after
        rows = rows.where((Enterprise.name > name) | ((Enterprise.name == name) & (Enterprise.id > last)))
    return await rows.order_by(Enterprise.name).order_by(Enterprise.id).limit(limit)


def _matches(wanted: str) -> Any:
    plain = wanted.translate(str.maketrans("", "", "%_\\"))
    code = credit_code.normalise(plain)
    anywhere = Enterprise.name.like(f"%{plain}%") | Enterprise.credit_code.like(f"{code}%")
    if credit_code.is_temporary(code):
        anywhere = anywhere | (Enterprise.temporary_id == code)
    reading = plain.lower().replace(" ", "")
    if reading.isascii() and reading.isalnum():
        anywhere = anywhere | Enterprise.pinyin.like(f"{reading}%") | Enterprise.pinyin.like(f"% {reading}%")
    return anywhere


def enterprise_scope(enterprise: UUID) -> str:
    return f"enterprise:{enterprise}"


def touch_enterprise(bureau: UUID, enterprise: UUID) -> None:
    """The dossier and the line of the name list both changed."""
    touch(bureau, KIND, enterprise)
    touch(bureau, NAME_KIND, enterprise)


async def take_temporary_ids(bureau: UUID, count: int) -> list[str]:
    """Raw SQL: one statement takes them all and locks the counter until the commit, so none is given twice."""
    owner = await Bureau.objects().get(Bureau.id == bureau)
    found = await fetch(
        "INSERT INTO enterprise_counter (id, n) VALUES ($1, $2)"
        " ON CONFLICT (id) DO UPDATE SET n = enterprise_counter.n + excluded.n RETURNING n",
        [bureau, count],
    )
    last = int(found[0]["n"])
    place = owner.code if owner is not None else ""
    return [credit_code.temporary_id(place, number) for number in range(last - count + 1, last + 1)]


async def _must_be_free(bureau: UUID, code: str, but: UUID | None = None) -> None:
    if not code:
        return
    known = await find_holder(bureau, code)
    if known is not None and known.id != but:
        raise refusal("enterprise.exists", credit_code=code, name=known.name, id=str(known.id))


async def find_holder(bureau: UUID, code: str) -> Enterprise | None:
    """Who has this credit code. Nobody else takes it before the commit."""
    if is_postgres():  # two desks that type the same code at once: the second waits and is told, not broken
        await fetch("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))", [f"{bureau}/{code}"])
    return await Enterprise.objects().get((Enterprise.bureau == bureau) & (Enterprise.credit_code == code))


async def _write_contact(row: Enterprise, values: Mapping[str, Any]) -> None:
    if not any(name in values for name in CONTACT_FIELDS):
        return
    contact = await EnterpriseContact.objects().get(EnterpriseContact.id == row.id)
    if contact is None:
        if not any(values.get(name) for name in CONTACT_FIELDS):
            return
        contact = EnterpriseContact(id=row.id, bureau=row.bureau, enterprise=row.id, name="", is_first=True)
    contact.name = values.get("contact_name", contact.name)
    contact.post = values.get("contact_post", contact.post)
    contact.phone = values.get("contact_phone", contact.phone)
    contact.updated_at = now()
    await contact.save()


async def _open_tier(row: Enterprise, tier: str) -> None:
    """Closes the rung held until today and opens the new one, if there is one."""
    held = EnterpriseTier
    await held.update({held.until: today()}).where(
        held.bureau == row.bureau, held.enterprise == row.id, held.until.is_null()
    )
    if tier:
        await held(id=new_id(), bureau=row.bureau, enterprise=row.id, tier=tier, since=today()).save()


def _facts(facts: Mapping[str, Any]) -> str:
    told = {name: value for name, value in facts.items() if value not in ("", None)}
    if len(told) > FACTS_MAX:
        raise refusal("enterprise.facts_too_many", limit=FACTS_MAX)
    return _json(told)


def _json(value: Any) -> str:
    return msgspec.json.encode(value, order="deterministic").decode()
