"""The list of a round: chosen once from the registry, then frozen with what the registry showed."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import msgspec

from server.campaigns.rules import Filter, Population
from server.campaigns.tables import Round, Slot
from server.enterprises.credit_code import normalise
from server.enterprises.dossier.actions import members_on
from server.enterprises.tables import Enterprise, EnterpriseAssignment
from server.moment import today
from server.refusals import refusal
from sync.identity import named_id

TARGETS_MAX = 20_000
"""Enterprises of one round: they are frozen in one transaction."""
PIECE = 500
FROZEN = ("status", "region", "industry", "address", "tier", "size")


async def choose(bureau: UUID, population: Population) -> list[Enterprise]:
    """The enterprises asked, by name. Raises `round.nobody`, `round.too_many`, `round.enterprises_unknown`."""
    if population.where is not None:
        found = await _fitting(bureau, population.where)
    elif population.codes:
        found = await _of_codes(bureau, population.codes)
    else:
        wanted = population.enterprises or await members_on(bureau, population.pool, today())
        found = await _of_ids(bureau, wanted)
    if not found:
        raise refusal("round.nobody")
    if len(found) > TARGETS_MAX:
        raise refusal("round.too_many", limit=TARGETS_MAX)
    return sorted(found, key=lambda row: (row.name, row.id))


async def freeze(row: Round, targets: list[Enterprise]) -> list[UUID]:
    """Writes one slot per enterprise; answers their ids."""
    commissioners: dict[UUID, list[UUID]] = {}
    for assignment in await EnterpriseAssignment.in_force(row.bureau):
        commissioners.setdefault(assignment.enterprise, []).append(assignment.person)
    slots = [_slot(row, enterprise, commissioners.get(enterprise.id, [])) for enterprise in targets]
    for start in range(0, len(slots), PIECE):
        await Slot.insert(*slots[start : start + PIECE])
    return [slot.id for slot in slots]


def _slot(row: Round, enterprise: Enterprise, commissioners: list[UUID]) -> Slot:
    shown: dict[str, Any] = {field: getattr(enterprise, field) for field in FROZEN}
    shown["tags"] = msgspec.json.decode(enterprise.tags)
    shown["commissioners"] = commissioners
    return Slot(
        id=named_id("slot", row.id, enterprise.id),
        bureau=row.bureau,
        round=row.id,
        enterprise=enterprise.id,
        name=enterprise.name,
        code=enterprise.credit_code or enterprise.temporary_id or "",
        frozen=msgspec.json.encode(shown).decode(),
    )


async def _of_ids(bureau: UUID, wanted: list[UUID]) -> list[Enterprise]:
    """An id that was merged leads to where it went."""
    unique = list(dict.fromkeys(wanted))
    if len(unique) > TARGETS_MAX:
        raise refusal("round.too_many", limit=TARGETS_MAX)
    known: dict[UUID, Enterprise] = {}
    merged: list[UUID] = []
    seen: set[UUID] = set()
    for start in range(0, len(unique), PIECE):
        part = unique[start : start + PIECE]
        for row in await Enterprise.objects().where(Enterprise.bureau == bureau, Enterprise.id.is_in(part)):
            if row.removed_at is not None:
                continue
            seen.add(row.id)
            if row.merged_into is None:
                known[row.id] = row
            else:
                merged.append(row.merged_into)
    unknown = [enterprise for enterprise in unique if enterprise not in seen]
    if unknown:
        raise refusal("round.enterprises_unknown", count=len(unknown), first=str(unknown[0]))
    kept = [enterprise for enterprise in dict.fromkeys(merged) if enterprise not in known]
    if kept:
        found = await Enterprise.objects().where(Enterprise.bureau == bureau, Enterprise.id.is_in(kept))
        known.update({row.id: row for row in found})
    return list(known.values())


async def _of_codes(bureau: UUID, codes: list[str]) -> list[Enterprise]:
    if len(codes) > TARGETS_MAX:
        raise refusal("round.too_many", limit=TARGETS_MAX)
    written = {normalise(code): code for code in codes}
    wanted, found = list(written), {}
    table = Enterprise
    for start in range(0, len(wanted), PIECE):
        part = wanted[start : start + PIECE]
        for row in await table.select(table.id, table.credit_code, table.temporary_id).where(
            table.bureau == bureau, table.credit_code.is_in(part) | table.temporary_id.is_in(part)
        ):
            found[row["credit_code"]] = found[row["temporary_id"]] = row["id"]
    unknown = [written[code] for code in wanted if code not in found]
    if unknown:
        raise refusal("round.enterprises_unknown", count=len(unknown), first=unknown[0][:200])
    return await _of_ids(bureau, [found[code] for code in wanted])


async def _fitting(bureau: UUID, wanted: Filter) -> list[Enterprise]:
    query = Enterprise.objects().where(
        Enterprise.bureau == bureau, Enterprise.merged_into.is_null(), Enterprise.removed_at.is_null()
    )
    for column, values in (
        (Enterprise.status, wanted.statuses),
        (Enterprise.tier, wanted.tiers),
        (Enterprise.size, wanted.sizes),
    ):
        if values:
            query = query.where(column.is_in(list(values)))
    for column, beginnings in ((Enterprise.region, wanted.regions), (Enterprise.industry, wanted.industries)):
        if beginnings:
            fits: Any = column.like(f"{_plain(beginnings[0])}%")
            for beginning in beginnings[1:]:
                fits = fits | column.like(f"{_plain(beginning)}%")
            query = query.where(fits)
    return await query.order_by(Enterprise.name, Enterprise.id).limit(TARGETS_MAX + 1)


def _plain(beginning: str) -> str:
    """Codes are letters and digits; anything else would be a pattern of its own."""
    return "".join(sign for sign in beginning if sign.isalnum())
