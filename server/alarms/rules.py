"""A bureau's own rules of its alarms: each change an edition, the last in force."""

from __future__ import annotations

from uuid import UUID

from msgspec import Struct
from msgspec.structs import asdict

from server.alarms.counting.alarm import Rules
from server.alarms.tables import AlarmRules
from server.audit.actions import record_event
from server.moment import now
from server.people.actions import hold_bureau
from server.people.actor import Actor
from sync.identity import named_id
from sync.transaction import transaction

READ, WRITE = "board.read", "alarm.write"


class RulesOut(Struct, frozen=True, kw_only=True):
    """`version` 0 are the rules as they ship."""

    version: int
    rules: Rules


async def rules_of(bureau: UUID) -> tuple[int, Rules]:
    """What is in force now."""
    editions = AlarmRules.objects().where(AlarmRules.bureau == bureau)
    row = await editions.order_by(AlarmRules.version, ascending=False).first()
    if row is None:
        return 0, Rules()
    return row.version, Rules(
        is_on=row.is_on, enterprises_min=row.enterprises_min, ratio_min=row.ratio_min, baseline_min=row.baseline_min,
        cool_down_days=row.cool_down_days,
    )  # fmt: skip


async def show_rules(actor: Actor) -> RulesOut:
    actor.must(READ)
    version, rules = await rules_of(actor.bureau)
    return RulesOut(version=version, rules=rules)


async def replace_rules(actor: Actor, rules: Rules) -> RulesOut:
    """All of them, from the next night on; what was raised stays. The same again is no new edition."""
    actor.must(WRITE)
    async with transaction():
        await hold_bureau(actor.bureau)
        version, before = await rules_of(actor.bureau)
        if rules == before:
            return RulesOut(version=version, rules=rules)
        version += 1
        id = named_id("alarm_rules", actor.bureau, version)
        edition = AlarmRules(
            id=id, bureau=actor.bureau, version=version, person=actor.person, changed_at=now(), **asdict(rules)
        )
        await edition.save()
        await record_event(actor, "alarm.rules", "alarm_rules", id, {"version": version, **asdict(rules)})
    return RulesOut(version=version, rules=rules)
