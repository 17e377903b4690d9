"""A bureau's clock policies: those that ship and the editions it has made since."""

from __future__ import annotations

from datetime import date, timedelta
from uuid import UUID

import msgspec
from msgspec import Struct

from server.audit.actions import record_event
from server.clocks.policies.editions import Edition, NewEdition, in_force, read_policy, shipped_editions
from server.clocks.policies.tables import ClockPolicy
from server.clocks.policy import Limit, Policy, Rules
from server.moment import now, today
from server.people.actions import hold_bureau
from server.people.actor import Actor
from server.refusals import refusal
from sync.identity import new_id
from sync.transaction import transaction

NAME_LENGTH_MAX = 40
POLICIES_MAX = 50
EDITIONS_MAX = 500
AHEAD = timedelta(days=366)
"""How far ahead an edition may be dated."""


class _Words(Struct, frozen=True):
    limits: dict[str, Limit]
    rules: Rules


class PolicyOut(Struct, frozen=True, kw_only=True):
    """One edition. `in_force`: for what begins today."""

    name: str
    version: int
    zh: str
    en: str
    limits: dict[str, str]
    rules: Rules
    valid_from: date
    open_too: bool
    note: str
    in_force: bool


async def editions_of(bureau: UUID) -> dict[str, list[Edition]]:
    """Every policy this bureau has, its editions in the order they were made."""
    editions = shipped_editions()
    rows = (
        await ClockPolicy.objects().where(ClockPolicy.bureau == bureau).order_by(ClockPolicy.version, ClockPolicy.name)
    )
    for row in rows:
        words = msgspec.json.decode(row.words, type=_Words)
        policy = Policy(row.name, str(row.version), row.zh, row.en, words.limits, words.rules)
        editions.setdefault(row.name, []).append(
            Edition(
                policy=policy,
                valid_from=row.valid_from,
                open_too=row.open_too,
                note=row.note,
                changed_at=row.changed_at,
            )
        )
    return editions


async def policies_of(bureau: UUID) -> dict[str, Policy]:
    """The editions in force for what begins now."""
    moment, day = now(), today()
    return {name: in_force(found, day, moment).policy for name, found in (await editions_of(bureau)).items()}


async def list_policies(actor: Actor, name: str = "") -> list[PolicyOut]:
    """The editions in force, or every edition of one policy, the newest first. Raises `policy.unknown`."""
    actor.must("routing.read")
    editions = await editions_of(actor.bureau)
    if name and name not in editions:
        raise refusal("policy.unknown", policies="、".join(sorted(editions)))
    moment, day = now(), today()
    chosen = [editions[name]] if name else editions.values()
    return [
        _told(one, one is in_force(found, day, moment))
        for found in chosen
        for one in reversed(found)
        if name or one is in_force(found, day, moment)
    ]


def _told(edition: Edition, is_in_force: bool) -> PolicyOut:
    policy = edition.policy
    return PolicyOut(
        name=policy.name, version=edition.version, zh=policy.zh, en=policy.en,
        limits={clock: str(limit) for clock, limit in policy.limits.items()}, rules=policy.rules,
        valid_from=edition.valid_from, open_too=edition.open_too, note=edition.note, in_force=is_in_force,
    )  # fmt: skip


def next_edition(editions: dict[str, list[Edition]], name: str, written: NewEdition) -> Edition:
    """As it would be written down now. Raises `policy.name`, `policy.unreadable`, `policy.dates`, `policy.full`."""
    if (not name.isidentifier() and not name.isalnum()) or len(name) > NAME_LENGTH_MAX:
        raise refusal("policy.name", limit=NAME_LENGTH_MAX)
    if (name not in editions and len(editions) >= POLICIES_MAX) or len(editions.get(name, ())) >= EDITIONS_MAX:
        raise refusal("policy.full", limit=POLICIES_MAX, editions=EDITIONS_MAX)
    valid_from = written.valid_from or today()
    if valid_from > today() + AHEAD or valid_from.year < 2000 or (written.open_too and valid_from > today()):
        raise refusal("policy.dates", valid_from=valid_from, latest=today() if written.open_too else today() + AHEAD)
    try:
        policy = read_policy(name, max((one.version for one in editions.get(name, ())), default=0) + 1, written)
    except ValueError as error:
        raise refusal("policy.unreadable", reason=str(error)) from None
    return Edition(policy=policy, valid_from=valid_from, open_too=written.open_too, note=written.note, changed_at=now())


async def add_edition(actor: Actor, name: str, written: NewEdition) -> Edition:
    """The next edition of a policy, or the first of a new one. Issues that it dates otherwise are moved by
    `issues.policies.actions.change_policy`, which calls this. Raises what `next_edition` raises."""
    actor.must("routing.write")
    async with transaction():
        await hold_bureau(actor.bureau)
        edition = next_edition(await editions_of(actor.bureau), name, written)
        policy = edition.policy
        await ClockPolicy(
            id=new_id(), bureau=actor.bureau, name=name, version=edition.version, zh=policy.zh, en=policy.en,
            words=msgspec.json.encode(_Words(policy.limits, policy.rules)).decode(), valid_from=edition.valid_from,
            open_too=edition.open_too, note=edition.note, person=actor.person, changed_at=edition.changed_at,
        ).save()  # fmt: skip
        details = {"policy": name, "version": edition.version, "valid_from": edition.valid_from.isoformat()}
        await record_event(actor, "policy.change", "bureau", actor.bureau, details)
    return edition
