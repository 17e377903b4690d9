"""What people filled in: the record as it stands, and every version of it as it was sent."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID as Id

from msgspec import Struct
from piccolo.columns import UUID, Boolean, Integer, SmallInt, Text, Timestamptz
from piccolo.columns.combination import WhereRaw
from piccolo.table import Table

from server.people.actor import Actor

RECEIVED, RETURNED, AMENDED, APPROVED, WITHDRAWN = "received", "returned", "amended", "approved", "withdrawn"
STATES = {RECEIVED: "待审核", RETURNED: "已退回", AMENDED: "修改后待审核", APPROVED: "已通过审核", WITHDRAWN: "已撤回"}
"""Each with its name in Chinese."""


class Record(Table, tablename="record"):
    """One filled-in questionnaire. Its answers are those of the version `current`; the columns here are for lists and reach."""

    id = UUID(primary_key=True, default=None)
    bureau = UUID()
    form_id = Text()
    form_version = UUID()
    enterprise = UUID(null=True, default=None)
    """What the whole record is about; a symposium's record is about none."""
    person = UUID()
    device = UUID(null=True, default=None)
    origin = Text()
    """visit, symposium, campaign, callback, link or desk."""
    state = Text()
    current = UUID()
    versions = SmallInt(default=1)
    received_at = Timestamptz()
    """When the first version reached us: what order and deadlines go by."""
    collected_at = Timestamptz()
    """When it was filled in, by the device's clock corrected by its offset, never after receipt."""
    clock_suspect = Boolean(default=False)
    late_version = Boolean(default=False)
    """Filled in with a version that was no longer the form's current one when it came."""
    errors = Integer(default=0)
    verifies = Integer(default=0)
    advises = Integer(default=0)
    campaign = UUID(null=True, default=None)
    slot = UUID(null=True, default=None)
    visit = UUID(null=True, default=None)
    reviewed_by = UUID(null=True, default=None)
    reviewed_at = Timestamptz(null=True, default=None)
    review_reason = Text(default="")

    @classmethod
    def visible_to(cls, actor: Actor) -> Any:
        """One's own, those about enterprises in one's care, and all of the bureau for those who oversee it."""
        own = cls.objects().where(cls.bureau == actor.bureau)
        return own if actor.is_bureau_wide("record.read") else own.where(reach_of(actor))

    @classmethod
    def just_written(cls, actor: Actor, id: Id) -> Any:
        """For answering the action that wrote it; whoever may submit need not be one who may read."""
        return cls.objects().get((cls.bureau == actor.bureau) & (cls.id == id))


class RecordVersion(Table, tablename="record_version"):
    """A record as it was submitted (1) or amended (2, 3 …), in the sender's own bytes; its id is that of the operation."""

    id = UUID(primary_key=True, default=None)
    bureau = UUID()
    record = UUID()
    n = SmallInt()
    form_version = UUID()
    person = UUID()
    device = UUID(null=True, default=None)
    received_at = Timestamptz()
    started_at = Timestamptz(null=True, default=None)
    filled_at = Timestamptz()
    """As the device told; `collected_at` is the same corrected."""
    collected_at = Timestamptz()
    body = Text()
    flaws = Text(default="[]")
    """JSON: what did not fit the form, kept beside the answers and never instead of them."""
    attachments = Text(default="[]")
    """JSON: the files this version speaks of: id, name, sha256."""
    note = Text(default="")
    """Why it was amended."""
    elapsed_seconds = Integer(null=True, default=None)
    """From start to end by a clock that nobody can set, if the phone has one."""

    @property
    def duration(self) -> Duration:
        return duration_of(self.started_at, self.filled_at, self.elapsed_seconds)


class Duration(Struct, frozen=True):
    """How long filling it in took. `by` is monotonic, clock (the device's own, which somebody may have set meanwhile) or empty.
    `is_suspect`: that clock was seen to jump."""

    seconds: int | None
    by: str
    is_suspect: bool


CLOCK_JUMP = timedelta(minutes=1)


def duration_of(started_at: datetime | None, filled_at: datetime, elapsed_seconds: int | None) -> Duration:
    told = None if started_at is None else filled_at - started_at
    if elapsed_seconds is not None:
        jumped = told is not None and abs(told - timedelta(seconds=elapsed_seconds)) > CLOCK_JUMP
        return Duration(elapsed_seconds, "monotonic", jumped)
    if told is None:
        return Duration(None, "", False)
    return Duration(None, "", True) if told < timedelta() else Duration(int(told.total_seconds()), "clock", False)


def reach_of(actor: Actor) -> Any:
    """The condition that a record is the actor's own or about an enterprise whose dossier the actor's phones hold."""
    return WhereRaw(
        "(record.person = {} OR EXISTS (SELECT 1 FROM sync_grant WHERE sync_grant.bureau = record.bureau"
        " AND sync_grant.person = {} AND sync_grant.revoked IS NULL"
        " AND sync_grant.scope = 'enterprise:' || CAST(record.enterprise AS TEXT)))",
        actor.person,
        actor.person,
    )
