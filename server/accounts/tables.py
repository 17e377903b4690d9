"""Keys of other systems: each speaks for one person of the bureau who is no human, with that person's roles and reach."""

from __future__ import annotations

from typing import Any
from uuid import UUID as Id

from piccolo.columns import UUID, Text, Timestamptz
from piccolo.table import Table


class ServiceKey(Table, tablename="service_key"):
    """Only the hash is kept. Renewing puts a new key beside the old one, which is then revoked."""

    id = UUID(primary_key=True, default=None)
    bureau = UUID(index=True)
    person = UUID()
    key_hash = Text(unique=True)
    start = Text()
    """The first characters of the key, by which people tell keys apart."""
    created_at = Timestamptz()
    created_by = UUID()
    used_at = Timestamptz(null=True, default=None)
    revoked_at = Timestamptz(null=True, default=None)

    @classmethod
    def of_bureau(cls, bureau: Id) -> Any:
        return cls.objects().where(cls.bureau == bureau).order_by(cls.created_at, cls.id)
