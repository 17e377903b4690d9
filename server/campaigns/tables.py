"""Campaigns: the same questions to a frozen list of enterprises, and who has answered them, in which way."""

from __future__ import annotations

from typing import Any

from piccolo.columns import UUID, Boolean, Date, Integer, SmallInt, Text, Timestamptz
from piccolo.columns.combination import WhereRaw
from piccolo.table import Table

from server.people.actor import Actor

PLANNED, OPEN, CLOSED = "planned", "open", "closed"
FILLED, REFUSED, UNREACHABLE = "filled", "refused", "unreachable"
MERGED = "merged"
"""The firm became another one of the same list: its answers stand in that one's slot, and nobody counts it twice."""
SLOT_STATES = (OPEN, FILLED, REFUSED, UNREACHABLE, MERGED)
VISIT, LINK, DESK = "visit", "link", "desk"
WAYS = (VISIT, LINK, DESK)
FIRST, DUPLICATE, INVALID, AFTER_CLOSE, WITHDRAWN = "first", "duplicate", "invalid", "after_close", "withdrawn"
"""How a record stands in its slot. Only the first valid one fills it; the others are kept and shown."""


class Campaign(Table, tablename="campaign"):
    id = UUID(primary_key=True, default=None)
    bureau = UUID()
    name = Text()
    created_by = UUID()
    created_at = Timestamptz()

    @classmethod
    def visible_to(cls, actor: Actor) -> Any:
        return cls.objects().where(cls.bureau == actor.bureau)


class Round(Table, tablename="campaign_round"):
    """One asking: a form, a window and a list. Opening it freezes the list and the form's version."""

    id = UUID(primary_key=True, default=None)
    bureau = UUID()
    campaign = UUID()
    n = SmallInt()
    form_id = Text()
    form_version = UUID()
    opens_on = Date()
    closes_on = Date()
    """Last day of answers in time."""
    grace_days = SmallInt()
    """Days after `closes_on` in which answers still count, marked late."""
    population = Text()
    """JSON of `Population`: how the list was chosen."""
    validity = Text(default="{}")
    """JSON of `ValidityRule`: what a record must have to count."""
    state = Text(default=PLANNED)
    targets = Integer(default=0)
    frozen_at = Timestamptz(null=True, default=None)
    closed_at = Timestamptz(null=True, default=None)


class Slot(Table, tablename="slot"):
    """One enterprise in one round; its id is the name of that pair, so it exists once wherever it is made.

    `name`, `code` and `frozen` say what the registry showed when the list was frozen; later changes leave them alone.
    """

    id = UUID(primary_key=True, default=None)
    bureau = UUID()
    round = UUID()
    enterprise = UUID()
    name = Text()
    code = Text()
    frozen = Text()
    """JSON: the dossier's fields at that moment, without its contacts."""
    state = Text(default=OPEN)
    record = UUID(null=True, default=None)
    filled_at = Timestamptz(null=True, default=None)
    via = Text(default="")
    late = Boolean(default=False)
    reason = Text(default="")
    """Why the firm declined, or how it could not be reached."""

    @classmethod
    def visible_to(cls, actor: Actor) -> Any:
        """Those of enterprises whose dossier one holds; all of the bureau for those who oversee campaigns."""
        slots = cls.objects().where(cls.bureau == actor.bureau)
        return slots if actor.is_bureau_wide("campaign.read") else slots.where(reach_of(actor))


class SlotRecord(Table, tablename="slot_record"):
    """A record that came for a slot, and how it stands there."""

    id = UUID(primary_key=True, default=None)
    bureau = UUID()
    slot = UUID()
    record = UUID()
    via = Text()
    standing = Text()
    received_at = Timestamptz()


class SlotLink(Table, tablename="slot_link"):
    """A signed link for one slot. The token derives from this row and the server's secret, and is stored nowhere."""

    id = UUID(primary_key=True, default=None)
    bureau = UUID()
    slot = UUID()
    expires_at = Timestamptz()
    created_by = UUID()
    created_at = Timestamptz()
    opened_at = Timestamptz(null=True, default=None)
    """When somebody first looked at it."""
    revoked_at = Timestamptz(null=True, default=None)


def reach_of(actor: Actor) -> Any:
    """The condition that a slot is about an enterprise whose dossier the actor holds."""
    return WhereRaw(
        "EXISTS (SELECT 1 FROM sync_grant WHERE sync_grant.bureau = slot.bureau AND sync_grant.person = {}"
        " AND sync_grant.revoked IS NULL AND sync_grant.scope = 'enterprise:' || CAST(slot.enterprise AS TEXT))",
        actor.person,
    )
