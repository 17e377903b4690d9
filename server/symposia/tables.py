"""Symposia, who was invited, who helps to sign people in, and who came."""

from __future__ import annotations

from typing import Any
from uuid import UUID as Id

from piccolo.columns import UUID, Boolean, Integer, Text, Timestamptz
from piccolo.table import Table

from server.people.actor import Actor

PLANNED, OPEN, CLOSED = "planned", "open", "closed"
SYMPOSIUM_KINDS = ("symposium", "bank", "round_table", "industry", "policy", "training")
ATTENDEE_KINDS = ("firm", "department", "bank", "expert", "media")
MODES = ("present", "online", "deputy")
"""In the words of the symposium's record, as are the kinds."""


class Symposium(Table, tablename="symposium"):
    """A meeting with many. Its minutes are one record; its sign-in is a list of its own, filled from several phones."""

    id = UUID(primary_key=True, default=None)
    bureau = UUID()
    title = Text()
    kind = Text()
    starts_at = Timestamptz()
    place = Text(default="")
    host = Text(default="")
    """Name of the unit that invites."""
    recorder = UUID()
    campaign = UUID(null=True, default=None)
    state = Text(default=PLANNED)
    record = UUID(null=True, default=None)
    closed_at = Timestamptz(null=True, default=None)
    created_at = Timestamptz()

    @classmethod
    def visible_to(cls, actor: Actor) -> Any:
        """Those one records or helps with; all of the bureau for those who oversee records."""
        symposia = cls.objects().where(cls.bureau == actor.bureau)
        if actor.is_bureau_wide("record.read"):
            return symposia
        helped = SymposiumHelper.select(SymposiumHelper.symposium).where(
            SymposiumHelper.bureau == actor.bureau, SymposiumHelper.person == actor.person
        )
        return symposia.where((cls.recorder == actor.person) | cls.id.is_in(helped))


class SymposiumInvitation(Table, tablename="symposium_invitation"):
    id = UUID(primary_key=True, default=None)
    bureau = UUID()
    symposium = UUID()
    enterprise = UUID()


class SymposiumHelper(Table, tablename="symposium_helper"):
    """Somebody whose phone signs people in too."""

    id = UUID(primary_key=True, default=None)
    bureau = UUID()
    symposium = UUID()
    person = UUID()


class Attendance(Table, tablename="attendance"):
    """One person at one symposium. The id is the row's own, made by the phone that signed them in, so that rows of
    several phones come together; what is said last about a row holds. Name and phone are personal data."""

    id = UUID(primary_key=True, default=None)
    bureau = UUID()
    symposium = UUID()
    kind = Text()
    enterprise = UUID(null=True, default=None)
    unit = Text(default="")
    """Firm or office in words, where it is in no registry."""
    name = Text(default="")
    post = Text(default="")
    phone = Text(default="")
    mode = Text(default="present")
    excused = Boolean(default=False)
    signed_at = Timestamptz(null=True, default=None)
    """By the signing phone's clock, corrected; None for a row that only the record holds."""
    signed_by = UUID(null=True, default=None)
    device = UUID(null=True, default=None)
    received_at = Timestamptz()
    edits = Integer(default=0)
    after_close = Boolean(default=False)
    record = UUID(null=True, default=None)
    """The record whose sign-in this row is part of."""
    recorded = Text(default="")
    """JSON of the row as the record's own answers have it; empty when they do not list it."""

    @classmethod
    def of_symposium(cls, bureau: Id, symposium: Id) -> Any:
        return cls.objects().where(cls.bureau == bureau, cls.symposium == symposium)
