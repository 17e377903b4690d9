"""Who there is: bureaus, their unit trees, persons, and the roles they hold."""

from __future__ import annotations

from typing import Any
from uuid import UUID as Id

from piccolo.columns import UUID, Boolean, Integer, Text, Timestamptz
from piccolo.table import Table


class Bureau(Table, tablename="bureau"):
    """A tenant: one unit tree. `code` also begins its issue numbers."""

    id = UUID(primary_key=True, default=None)
    code = Text(unique=True)
    name = Text()
    region = Text()
    created_at = Timestamptz()


class Unit(Table, tablename="unit"):
    """A department, street or agency. `path` is the codes from the root, each followed by a slash: a subtree is a prefix."""

    id = UUID(primary_key=True, default=None)
    bureau = UUID(index=True)
    parent = UUID(null=True, default=None)
    code = Text()
    name = Text()
    kind = Text()
    path = Text()
    contact = Text()
    created_at = Timestamptz()

    @classmethod
    def of_bureau(cls, bureau: Id) -> Any:
        """The whole tree, parents before children."""
        return cls.objects().where(cls.bureau == bureau).order_by(cls.path)


class Person(Table, tablename="person"):
    id = UUID(primary_key=True, default=None)
    bureau = UUID(index=True)
    unit = UUID()
    login = Text()
    name = Text()
    phone = Text()
    password_hash = Text(secret=True)
    must_change_password = Boolean(default=True)
    failures = Integer(default=0)
    locked_until = Timestamptz(null=True, default=None)
    disabled_at = Timestamptz(null=True, default=None)
    created_at = Timestamptz()

    @classmethod
    def of_bureau(cls, bureau: Id) -> Any:
        return cls.objects().where(cls.bureau == bureau).order_by(cls.login)


class RoleGrant(Table, tablename="role_grant"):
    """One role of one person, reaching over `unit` and everything below it."""

    id = UUID(primary_key=True, default=None)
    bureau = UUID(index=True)
    person = UUID(index=True)
    role = Text()
    unit = UUID()
    granted_at = Timestamptz()
    revoked_at = Timestamptz(null=True, default=None)
