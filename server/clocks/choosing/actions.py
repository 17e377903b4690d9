"""A bureau's rules of which policy an issue gets: reading, checking and replacing them."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Annotated
from uuid import UUID

import msgspec
from msgspec import Meta, Struct

from server.audit.actions import record_event
from server.clocks.choosing.rules import (
    ChoiceEdition,
    ChoiceRule,
    Complaint,
    complaints,
    edition_in_force,
    rules_of_csv,
    shipped_rules,
)
from server.clocks.choosing.tables import ClockChoice
from server.clocks.policies.actions import AHEAD, EDITIONS_MAX, editions_of
from server.moment import now, today
from server.people.actions import hold_bureau
from server.people.actor import Actor
from server.refusals import refusal
from server.reports.actions import SOURCES
from server.routing.tables import Category
from sync.identity import named_id
from sync.transaction import transaction

ORIGINS = ("visit", "symposium", "campaign", "callback", "link", "desk", "common")
"""Where an issue without a desk's report comes from."""


class NewChoices(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The whole table; none at all means that everything is ordinary. `valid_from` is today when left out."""

    rules: Annotated[list[ChoiceRule], Meta(max_length=5000)]
    valid_from: date | None = None
    note: Annotated[str, Meta(max_length=1000)] = ""


class ChoicesOut(Struct, frozen=True, kw_only=True):
    version: int
    valid_from: date
    note: str
    in_force: bool
    rules: tuple[ChoiceRule, ...]


async def choice_editions(bureau: UUID) -> list[ChoiceEdition]:
    """The shipped rules and every edition this bureau has made since."""
    rows = await ClockChoice.objects().where(ClockChoice.bureau == bureau).order_by(ClockChoice.version)
    own = [
        ChoiceEdition(
            version=row.version,
            rules=msgspec.json.decode(row.rules, type=tuple[ChoiceRule, ...]),
            valid_from=row.valid_from,
            note=row.note,
            changed_at=row.changed_at,
        )
        for row in rows
    ]
    return [ChoiceEdition(version=1, rules=shipped_rules()), *own]


async def choices_in_force(bureau: UUID) -> ChoiceEdition:
    return edition_in_force(await choice_editions(bureau), today())


async def list_choices(actor: Actor) -> list[ChoicesOut]:
    """Every edition, the newest first."""
    actor.must("routing.read")
    editions = await choice_editions(actor.bureau)
    current = edition_in_force(editions, today())
    return [_told(one, one is current) for one in reversed(editions)]


async def show_choices(actor: Actor) -> ChoicesOut:
    actor.must("routing.read")
    return _told(await choices_in_force(actor.bureau), True)


def _told(edition: ChoiceEdition, is_in_force: bool) -> ChoicesOut:
    return ChoicesOut(
        version=edition.version,
        valid_from=edition.valid_from,
        note=edition.note,
        in_force=is_in_force,
        rules=edition.rules,
    )


async def check_choices(actor: Actor, written: NewChoices) -> list[Complaint]:
    """Everything that speaks against them; nothing is changed."""
    actor.must("routing.write")
    codes = {row.code for row in await Category.of_bureau(actor.bureau)}
    policies = set(await editions_of(actor.bureau))
    found = complaints(written.rules, policies, codes, {*SOURCES, *ORIGINS})
    day = written.valid_from or today()
    if not today() <= day <= today() + AHEAD:
        latest = today() + AHEAD
        found.append(
            Complaint(
                at="valid_from",
                zh=f"生效日期应在 {today()} 至 {latest} 之间",
                en=f"it must be valid from a day between {today()} and {latest}",
            )
        )
    return found


async def replace_choices(actor: Actor, written: NewChoices) -> ChoicesOut:
    """The next edition. Issues that are open keep the policy they have. Raises `choice.invalid` with every complaint,
    `choice.full`."""
    actor.must("routing.write")
    async with transaction():
        await hold_bureau(actor.bureau)
        found = await check_choices(actor, written)
        if found:
            raise refusal(
                "choice.invalid",
                count=len(found),
                first=found[0].zh,
                first_en=found[0].en,
                at=found[0].at,
                complaints=msgspec.to_builtins(found),
            )
        editions = await choice_editions(actor.bureau)
        if len(editions) >= EDITIONS_MAX:
            raise refusal("choice.full", limit=EDITIONS_MAX)
        version = editions[-1].version + 1
        edition = ChoiceEdition(
            version=version,
            rules=tuple(written.rules),
            valid_from=written.valid_from or today(),
            note=written.note,
            changed_at=now(),
        )
        await ClockChoice(
            id=named_id("clock_choice", actor.bureau, version), bureau=actor.bureau, version=version,
            rules=msgspec.json.encode(edition.rules).decode(), valid_from=edition.valid_from, note=edition.note,
            person=actor.person, changed_at=edition.changed_at,
        ).save()  # fmt: skip
        details = {"version": version, "rules": len(edition.rules), "valid_from": edition.valid_from.isoformat()}
        await record_event(actor, "choice.replace", "bureau", actor.bureau, details)
        current = await choices_in_force(actor.bureau)
    return _told(edition, current.version == version)


def read_choices(path: Path) -> list[ChoiceRule]:
    """A CSV with the columns category, urgency, source, policy, zh and en, in UTF-8 or GB18030. Raises `choice.unreadable`."""
    try:
        content = path.read_bytes()
        try:
            text = content.decode("utf-8-sig")
        except UnicodeDecodeError:
            text = content.decode("gb18030")
        return rules_of_csv(text)
    except (KeyError, UnicodeDecodeError, ValueError, OSError) as error:
        raise refusal("choice.unreadable", file=path.name, reason=str(error)) from None
