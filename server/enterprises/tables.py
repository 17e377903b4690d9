"""The registry: enterprises, whom to talk to there, what they were recognised as and when, and who looks after them."""

from __future__ import annotations

from typing import Any
from uuid import UUID as Id

from piccolo.columns import UUID, BigInt, Boolean, Date, Text, Timestamptz
from piccolo.table import Table

from server.people.actor import Actor


class Enterprise(Table, tablename="enterprise"):
    """One firm of one bureau. It has a credit code, or a temporary id until the code comes; both go on naming it.

    `tags` is a JSON list of words, `facts` a JSON object of whatever else the dossier knows, by field name. A merged
    row stays, empty of meaning, so that its id resolves.
    """

    id = UUID(primary_key=True, default=None)
    bureau = UUID()
    credit_code = Text(null=True, default=None)
    temporary_id = Text(null=True, default=None)
    name = Text()
    pinyin = Text()
    """Initials, a space, the whole reading: `nchm nanchanghongming`."""
    status = Text(default="active")
    region = Text(default="")
    industry = Text(default="")
    address = Text(default="")
    tier = Text(default="")
    size = Text(default="")
    tags = Text(default="[]")
    facts = Text(default="{}")
    merged_into = UUID(null=True, default=None)
    removed_at = Timestamptz(null=True, default=None)
    """Since when it is in the registry no more: it should not have been written down."""
    removed_code = Text(null=True, default=None)
    """The credit code it had then, which another firm may have by now."""
    created_at = Timestamptz()
    updated_at = Timestamptz()

    @classmethod
    def visible_to(cls, actor: Actor) -> Any:
        """Bureau-wide roles read every dossier, all others those they are assigned to. Merged and removed rows are nobody's."""
        query = cls.objects().where(cls.bureau == actor.bureau, cls.merged_into.is_null(), cls.removed_at.is_null())
        if actor.is_bureau_wide("enterprise.read"):
            return query
        return query.where(cls.id.is_in(EnterpriseAssignment.enterprises_of(actor)))


class EnterpriseContact(Table, tablename="enterprise_contact"):
    """A person at the firm: personal data, erased with its purpose. The first contact is the one lists and forms name;
    its id is the firm's own, so that there is one however often it is written."""

    id = UUID(primary_key=True, default=None)
    bureau = UUID()
    enterprise = UUID()
    name = Text()
    post = Text(default="")
    phone = Text(default="")
    is_first = Boolean(default=False)
    updated_at = Timestamptz()


class EnterpriseTier(Table, tablename="enterprise_tier"):
    """A rung of the cultivation ladder held from `since` until `until` (the first day no longer), under one edition of the rules."""

    id = UUID(primary_key=True, default=None)
    bureau = UUID()
    enterprise = UUID()
    tier = Text()
    since = Date()
    until = Date(null=True, default=None)
    rules = Text(default="")
    """Edition of the rules under which it was recognised, e.g. 工信部企业〔2022〕63号."""


class EnterpriseHonour(Table, tablename="enterprise_honour"):
    """A title with a date: 高新技术企业, 单项冠军, a prize. `until` is the last day it is good for."""

    id = UUID(primary_key=True, default=None)
    bureau = UUID()
    enterprise = UUID()
    title = Text()
    awarded_by = Text(default="")
    since = Date()
    until = Date(null=True, default=None)


class EnterprisePool(Table, tablename="enterprise_pool"):
    """Membership of a cultivation pool (培育库) from `since` until `until`; who was in on a past day stays answerable."""

    id = UUID(primary_key=True, default=None)
    bureau = UUID()
    enterprise = UUID()
    pool = Text()
    since = Date()
    until = Date(null=True, default=None)
    reason = Text(default="")
    decided_by = UUID()


class EnterpriseAssignment(Table, tablename="enterprise_assignment"):
    """Who looks after a firm, from `since` until `until` (the first day no longer). A handover names the row that follows."""

    id = UUID(primary_key=True, default=None)
    bureau = UUID()
    enterprise = UUID()
    person = UUID()
    role = Text(default="commissioner")
    since = Date()
    until = Date(null=True, default=None)
    handed_to = UUID(null=True, default=None)
    reason = Text(default="")
    created_by = UUID()
    created_at = Timestamptz()
    ended_by = UUID(null=True, default=None)

    @classmethod
    def enterprises_of(cls, actor: Actor) -> Any:
        """A subquery: the firms this person looks after now."""
        return cls.select(cls.enterprise).where(
            cls.bureau == actor.bureau, cls.person == actor.person, cls.until.is_null()
        )

    @classmethod
    def in_force(cls, bureau: Id) -> Any:
        return cls.objects().where(cls.bureau == bureau, cls.until.is_null())


class EnterpriseCounter(Table, tablename="enterprise_counter"):
    """The last temporary id given in a bureau (the row's id)."""

    id = UUID(primary_key=True, default=None)
    n = BigInt(default=0)
