"""What enterprises said. A report is written once and never changed: it keeps the enterprise's own words."""

from __future__ import annotations

from typing import Any

from piccolo.columns import UUID, Boolean, Date, Integer, Text, Timestamptz
from piccolo.columns.combination import WhereRaw
from piccolo.table import Table

from server.people.actor import Actor


class Report(Table, tablename="report"):
    id = UUID(primary_key=True, default=None)
    bureau = UUID()
    record = UUID(null=True, default=None)
    """The record it was said in; none for a phone call or a letter."""
    enterprise = UUID(null=True, default=None)
    enterprise_name = Text(default="")
    """As written down, for an enterprise that is not in the registry."""
    person = UUID()
    """Who wrote it down."""
    title = Text()
    description = Text()
    category = Text(default="")
    """Code of the taxonomy as the author chose it; what the bureau thinks of it stands on the issue."""
    urgency = Text(default="")
    solved_on_site = Boolean(default=False)
    on_site_answer = Text(default="")
    wish_date = Date(null=True, default=None)
    amount = Text(default="")
    """Decimal text in 万元."""
    people = Integer(null=True, default=None)
    suggested_unit = Text(default="")
    attachment = Text(default="")
    """File name within the record's attachments."""
    publish_name_consent = Boolean(default=False)
    name_hidden = Boolean(default=False)
    """The enterprise asked not to be named to those who handle the matter: whoever wrote it down and those who oversee the queue
    know it, nobody else, not even through the issue."""
    confidentiality = Text(default="")
    """`internal` or `trade_secret`: its words are not shown as an example to those who do not know it, and go on no other's phone."""
    origin = Text()
    source = Text(default="")
    """How it came, for reports without a record: a code of `SOURCES`."""
    source_ref = Text(default="")
    """Its number in the system it came from (12345 …)."""
    reported_at = Timestamptz()
    """When we received it."""
    collected_at = Timestamptz()
    """When it was said, as far as the device's clock can be believed."""

    @property
    def enterprise_shown(self) -> Any:
        """The enterprise as far as its issue may know it."""
        return None if self.name_hidden else self.enterprise

    def enterprise_for(self, actor: Actor) -> Any:
        """The enterprise as far as this person may know it."""
        knows = self.person == actor.person or actor.is_bureau_wide("report.read")
        return self.enterprise if knows else self.enterprise_shown

    @classmethod
    def named_to(cls, actor: Actor) -> Any:
        """The condition that this person may know who said it: `enterprise_for` in the database."""
        mine = cls.bureau == actor.bureau
        if actor.is_bureau_wide("report.read"):
            return mine
        return mine & (cls.name_hidden.eq(False) | (cls.person == actor.person))

    @classmethod
    def visible_to(cls, actor: Actor) -> Any:
        """One's own, those of enterprises in one's care, and all of the bureau for those who oversee it."""
        mine = cls.objects().where(cls.bureau == actor.bureau)
        return mine if actor.is_bureau_wide("report.read") else mine.where(reach_of(actor))


class ReportContact(Table, tablename="report_contact"):
    """Whom to call about a report: personal data, apart from the report because fewer people may see it."""

    id = UUID(primary_key=True, default=None)
    """The report's own id."""
    bureau = UUID()
    name = Text(default="")
    phone = Text(default="")


def reach_of(actor: Actor) -> Any:
    """The condition that a report was written down by the actor or concerns an enterprise whose dossier the actor holds."""
    return WhereRaw(
        "(report.person = {} OR (NOT report.name_hidden AND EXISTS (SELECT 1 FROM sync_grant WHERE sync_grant.bureau = report.bureau"
        " AND sync_grant.person = {} AND sync_grant.revoked IS NULL"
        " AND sync_grant.scope = 'enterprise:' || CAST(report.enterprise AS TEXT))))",
        actor.person,
        actor.person,
    )
