"""The audit chain: who did what to what, in order, each row holding the digest of the one before."""

from __future__ import annotations

from piccolo.columns import UUID, BigInt, Text, Timestamptz
from piccolo.table import Table


class AuditRow(Table, tablename="audit_row"):
    """`digest` = SHA-256 over the row before's digest and this row's fields; `details` holds no personal data, only ids and digests."""

    id = UUID(primary_key=True, default=None)
    bureau = UUID()
    n = BigInt()
    at = Timestamptz()
    person = UUID()
    device = UUID(null=True, default=None)
    event = Text()
    subject_kind = Text()
    subject = UUID()
    details = Text()
    digest = Text()


class AuditHead(Table, tablename="audit_head"):
    """The last number and digest of a bureau's chain; raising it is the lock that orders the chain."""

    id = UUID(primary_key=True, default=None)
    n = BigInt(default=0)
    digest = Text(default="")


class JobRun(Table, tablename="job_run"):
    """Which firing of which job was claimed; the row is the claim."""

    id = UUID(primary_key=True, default=None)
    job = Text()
    firing = Text()
    claimed_at = Timestamptz()
