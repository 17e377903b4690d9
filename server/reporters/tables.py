"""The links by which enterprises see what became of what they said."""

from __future__ import annotations

from typing import Any
from uuid import UUID as Id

from piccolo.columns import UUID, Integer, Text, Timestamptz
from piccolo.table import Table


class ReporterLink(Table, tablename="reporter_link"):
    """A link for the author of one report. The token is random; only its hash is stored, so it can be shown once."""

    id = UUID(primary_key=True, default=None)
    bureau = UUID()
    report = UUID()
    token_hash = Text(secret=True)
    channel = Text()
    """How it was handed over: `sms_link` or `enterprise_code`; answers through it say so."""
    created_by = UUID()
    created_at = Timestamptz()
    expires_at = Timestamptz()
    opened_at = Timestamptz(null=True, default=None)
    """When somebody first looked at it."""
    revoked_at = Timestamptz(null=True, default=None)
    misses = Integer(default=0)
    """Wrong credit codes so far."""
    comments = Integer(default=0)

    @classmethod
    def of_reports(cls, bureau: Id, reports: list[Id]) -> Any:
        """Newest first."""
        query = cls.objects().where(cls.bureau == bureau, cls.report.is_in(reports))
        return query.order_by(cls.created_at, cls.id, ascending=False)
