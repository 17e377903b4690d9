"""The person who handles an issue, and every decision who that is."""

from typing import Any

from piccolo.apps.migrations.auto.migration_manager import MigrationManager
from piccolo.columns.column_types import UUID, Integer, Text, Timestamptz
from piccolo.columns.defaults.timestamptz import TimestamptzNow
from piccolo.columns.defaults.uuid import UUID4
from piccolo.columns.indexes import IndexMethod

ID = "2026-11-22T07:00:00:000000"
VERSION = "1.38.0"
DESCRIPTION = "duty"

NEW = (("IssueDuty", "issue_duty"),)
COLUMNS: tuple[tuple[str, str, str, Any, Any, bool], ...] = (
    ("IssueDuty", "issue_duty", "id", UUID, None, False),
    ("IssueDuty", "issue_duty", "bureau", UUID, UUID4(), False),
    ("IssueDuty", "issue_duty", "issue", UUID, UUID4(), False),
    ("IssueDuty", "issue_duty", "n", Integer, 0, False),
    ("IssueDuty", "issue_duty", "at", Timestamptz, TimestamptzNow(), False),
    ("IssueDuty", "issue_duty", "unit", UUID, UUID4(), False),
    ("IssueDuty", "issue_duty", "post", UUID, None, True),
    ("IssueDuty", "issue_duty", "person", UUID, None, True),
    ("IssueDuty", "issue_duty", "before", UUID, None, True),
    ("IssueDuty", "issue_duty", "decided_by", UUID, UUID4(), False),
    ("IssueDuty", "issue_duty", "why_zh", Text, "", False),
    ("IssueDuty", "issue_duty", "why_en", Text, "", False),
    ("IssueDuty", "issue_duty", "considered", Text, "[]", False),
    ("Issue", "issue", "post", UUID, None, True),
    ("Issue", "issue", "handler", UUID, None, True),
    ("Issue", "issue", "handler_since", Timestamptz, None, True),
)


async def forwards() -> MigrationManager:
    manager = MigrationManager(migration_id=ID, app_name="server", description=DESCRIPTION)
    for class_name, table in NEW:
        manager.add_table(class_name=class_name, tablename=table, schema=None, columns=None)

    for class_name, table, name, column_class, default, null in COLUMNS:
        manager.add_column(
            table_class_name=class_name,
            tablename=table,
            column_name=name,
            db_column_name=name,
            column_class_name=column_class.__name__,
            column_class=column_class,
            params={
                "default": default,
                "null": null,
                "primary_key": name == "id",
                "unique": False,
                "index": False,
                "index_method": IndexMethod.btree,
                "choices": None,
                "db_column_name": None,
                "secret": False,
            },
            schema=None,
        )

    return manager
