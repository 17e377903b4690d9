"""The registry read and written by the thousand. Raw SQL: a row object for each of 20,000 lines would cost more than the database."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any
from uuid import UUID

import msgspec

from server.enterprises.actions import ASSIGNMENT_KIND, KIND, NAME_KIND, enterprise_scope, take_temporary_ids
from server.enterprises.fields import CONTACT_FIELDS, FIELDS, TEXT_FIELDS, pinyin_of
from server.enterprises.lists.columns import COMMISSIONER, TEMPORARY, Line
from server.enterprises.lists.difference import Known
from server.moment import now, today
from server.people.actor import Actor
from sync.bulk import among, ids, texts
from sync.feed import touch, touch_many
from sync.identity import new_id
from sync.scopes import grant
from sync.stamps import stamp_rows
from sync.transaction import executemany, fetch, is_postgres

_NOT_STORED = frozenset({COMMISSIONER, TEMPORARY})
_COLUMNS = "id, credit_code, temporary_id, name, status, region, industry, address, tier, size, tags, facts"


async def load_firms(bureau: UUID, only: Sequence[UUID] | None = None) -> list[Known]:
    """Every firm of the bureau, or those named, locked until the commit; the first contact beside it."""
    key: list[Any] = [bureau]
    where, lock = "bureau = $1", ""
    if only is not None:
        key.append(ids(only))
        where += f" AND {{id}} {among(2)}"
        lock = " ORDER BY id FOR UPDATE" if is_postgres() else ""
    contacts = {
        row[0]: dict(zip(CONTACT_FIELDS, row[1:], strict=True))
        for row in map(
            tuple,
            await fetch(
                "SELECT enterprise, name, post, phone FROM enterprise_contact"
                f" WHERE is_first AND {where.format(id='enterprise')}",
                key,
            ),
        )
    }
    rows = await fetch(
        f"SELECT {_COLUMNS} FROM enterprise WHERE merged_into IS NULL AND removed_at IS NULL AND {where.format(id='id')}{lock}",
        key,
    )
    return [_known(row, contacts.get(row["id"])) for row in rows]


def _known(row: Any, contact: dict[str, str] | None) -> Known:
    values = {name: row[name] or "" for name in TEXT_FIELDS}
    if row["facts"] != "{}":
        values = {name: str(value) for name, value in msgspec.json.decode(row["facts"]).items()} | values
    if row["tags"] != "[]":
        values["tags"] = "、".join(msgspec.json.decode(row["tags"]))
    if contact:
        values.update(contact)
    return Known(row["id"], row["credit_code"] or "", row["temporary_id"] or "", row["name"], values, row["facts"])


async def insert_firms(actor: Actor, lines: Sequence[Line], new_ids: dict[int, UUID]) -> set[int]:
    """Writes new firms with contacts and tiers; answers the lines whose code somebody registered meanwhile, perhaps in a
    transaction that is only now ending: of two who insert one code, the second does nothing."""
    nameless = sum("credit_code" not in line.values for line in lines)
    temporary = iter(await take_temporary_ids(actor.bureau, nameless) if nameless else [])
    moment = now()
    await executemany(
        "INSERT INTO enterprise (id, bureau, credit_code, temporary_id, name, pinyin, status, region, industry, address,"
        " tier, size, tags, facts, created_at, updated_at)"
        " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $15)"
        " ON CONFLICT (bureau, credit_code) DO NOTHING",
        [
            [
                new_ids[line.number],
                actor.bureau,
                line.values.get("credit_code"),
                None if "credit_code" in line.values else next(temporary),
                *_row_of(line.values, _json(_facts_in(line.values))),
                moment,
            ]
            for line in lines
        ],
    )
    stored = await fetch(
        f"SELECT id FROM enterprise WHERE bureau = $1 AND id {among(2)}",
        [actor.bureau, ids(new_ids[line.number] for line in lines)],
    )
    known = {row["id"] for row in stored}
    late = {line.number for line in lines if new_ids[line.number] not in known}
    lines = [line for line in lines if line.number not in late]
    await _write_contacts(actor.bureau, [(new_ids[line.number], line.values) for line in lines])
    await _write_tiers(actor.bureau, [(new_ids[line.number], line.values.get("tier", "")) for line in lines])
    written = [new_ids[line.number] for line in lines]
    touch_many(actor.bureau, KIND, written)
    touch_many(actor.bureau, NAME_KIND, written)
    return late


def _facts_in(values: dict[str, str]) -> dict[str, str]:
    return {name: value for name, value in values.items() if name not in FIELDS and name not in _NOT_STORED}


def _json(value: Any) -> str:
    return msgspec.json.encode(value, order="deterministic").decode() if value else "{}"


def _row_of(values: dict[str, str], facts: str) -> list[Any]:
    """name, pinyin, status, region, industry, address, tier, size, tags, facts."""
    tags = values.get("tags", "")
    return [
        values["name"],
        pinyin_of(values["name"]),
        values.get("status", "active"),
        values.get("region", ""),
        values.get("industry", ""),
        values.get("address", ""),
        values.get("tier", ""),
        values.get("size", ""),
        msgspec.json.encode(tags.split("、")).decode() if tags else "[]",
        facts,
    ]


async def change_firms(actor: Actor, changes: Sequence[tuple[Line, UUID]]) -> set[int]:
    """Reads the rows again under lock and sets only what the list has otherwise, so that no desk's edit of another field is lost.

    Answers the lines left out because their firm was merged or their code given to another firm meanwhile.
    """
    firms = {firm.id: firm for firm in await load_firms(actor.bureau, [firm for _, firm in changes])}
    codes = {line.values.get("credit_code", "") for line, _ in changes}
    owners = await _owners(actor.bureau, sorted(codes - {"", *(firm.credit_code for firm in firms.values())}))
    moment, rows, contacts, tiers, late = now(), [], [], [], set()
    stamped: dict[UUID, set[str]] = {}
    for line, id in changes:
        if id not in firms or owners.get(line.values.get("credit_code", ""), id) != id:
            late.add(line.number)
            continue
        before = firms[id].values
        said = {name: value for name, value in line.values.items() if name not in _NOT_STORED}
        changed = [name for name, value in said.items() if before.get(name, "") != value]
        after = before | said
        facts = msgspec.json.decode(firms[id].facts) | _facts_in({name: said[name] for name in changed})
        rows.append([id, actor.bureau, after.get("credit_code") or None, *_row_of(after, _json(facts)), moment])
        if any(name in CONTACT_FIELDS for name in changed):
            contacts.append((id, after))
        if "tier" in changed:
            tiers.append((id, after["tier"]))
        stamped.setdefault(id, set()).update(changed)
        touch(actor.bureau, NAME_KIND, id)
    await stamp_rows(actor.bureau, KIND, stamped, hand=str(actor.person), person=actor.person)
    await executemany(
        "UPDATE enterprise SET credit_code = $3, name = $4, pinyin = $5, status = $6, region = $7, industry = $8,"
        " address = $9, tier = $10, size = $11, tags = $12, facts = $13, updated_at = $14 WHERE id = $1 AND bureau = $2",
        rows,
    )
    await _write_contacts(actor.bureau, contacts)
    await executemany(
        "UPDATE enterprise_tier SET until = $3 WHERE bureau = $1 AND enterprise = $2 AND until IS NULL",
        [[actor.bureau, id, today()] for id, _ in tiers],
    )
    await _write_tiers(actor.bureau, tiers)
    return late


async def _owners(bureau: UUID, codes: list[str]) -> dict[str, UUID]:
    """Code → the firm that has it. Nobody gives one of these codes away before the commit."""
    if is_postgres():
        lock = "SELECT pg_advisory_xact_lock(hashtextextended(key, 0)) FROM unnest($1::text[]) AS key"
        await fetch(lock, [[f"{bureau}/{code}" for code in codes]])
    found = await fetch(
        f"SELECT credit_code, id FROM enterprise WHERE bureau = $1 AND credit_code {among(2, 'text')}",
        [bureau, texts(codes)],
    )
    return {row["credit_code"]: row["id"] for row in found}


async def _write_contacts(bureau: UUID, firms: Iterable[tuple[UUID, dict[str, str]]]) -> None:
    moment = now()
    rows = [
        [
            id,
            bureau,
            id,
            *(values.get(name, "") for name in CONTACT_FIELDS),
            moment,
        ]
        for id, values in firms
        if any(values.get(name) for name in CONTACT_FIELDS)
    ]
    if rows:
        await executemany(
            "INSERT INTO enterprise_contact (id, bureau, enterprise, name, post, phone, is_first, updated_at)"
            " VALUES ($1, $2, $3, $4, $5, $6, true, $7)"
            " ON CONFLICT (id) DO UPDATE SET name = excluded.name, post = excluded.post, phone = excluded.phone,"
            " updated_at = excluded.updated_at",
            rows,
        )


async def _write_tiers(bureau: UUID, firms: Iterable[tuple[UUID, str]]) -> None:
    rows = [[new_id(), bureau, id, tier, today(), ""] for id, tier in firms if tier]
    if rows:
        await executemany(
            "INSERT INTO enterprise_tier (id, bureau, enterprise, tier, since, rules) VALUES ($1, $2, $3, $4, $5, $6)",
            rows,
        )


async def assign_firms(actor: Actor, pairs: Sequence[tuple[UUID, UUID]]) -> int:
    """Puts persons in charge of firms where they are not yet; answers how many assignments are new."""
    if not pairs:
        return 0
    found = await fetch(
        "SELECT enterprise, person FROM enterprise_assignment"
        f" WHERE bureau = $1 AND until IS NULL AND enterprise {among(2)}",
        [actor.bureau, ids(enterprise for enterprise, _ in pairs)],
    )
    held = {(row["enterprise"], row["person"]) for row in found}
    missing = [pair for pair in dict.fromkeys(pairs) if pair not in held]
    made = [new_id() for _ in missing]
    moment, day = now(), today()
    await executemany(
        "INSERT INTO enterprise_assignment (id, bureau, enterprise, person, role, since, reason, created_by, created_at)"
        " VALUES ($1, $2, $3, $4, 'commissioner', $5, '', $6, $7)",
        [
            [id, actor.bureau, enterprise, person, day, actor.person, moment]
            for id, (enterprise, person) in zip(made, missing, strict=True)
        ],
    )
    for enterprise, person in missing:
        grant(actor.bureau, person, enterprise_scope(enterprise))
    touch_many(actor.bureau, ASSIGNMENT_KIND, made)
    return len(missing)
