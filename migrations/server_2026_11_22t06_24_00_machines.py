"""What a bureau has otherwise in the machine of its issues, and by which version a line of a timeline was judged."""

from typing import Any

from piccolo.apps.migrations.auto.migration_manager import MigrationManager
from piccolo.columns.column_types import UUID, Integer, Text, Timestamptz
from piccolo.columns.defaults.timestamptz import TimestamptzNow
from piccolo.columns.defaults.uuid import UUID4
from piccolo.columns.indexes import IndexMethod

ID = "2026-11-22T06:24:00:000000"
VERSION = "1.38.0"
DESCRIPTION = "machines of issues"

COLUMNS: tuple[tuple[str, str, str, Any, Any, bool], ...] = (
    ("IssueMachine", "issue_machine", "id", UUID, None, False),
    ("IssueMachine", "issue_machine", "bureau", UUID, UUID4(), False),
    ("IssueMachine", "issue_machine", "version", Integer, 0, False),
    ("IssueMachine", "issue_machine", "at", Timestamptz, TimestamptzNow(), False),
    ("IssueMachine", "issue_machine", "person", UUID, UUID4(), False),
    ("IssueMachine", "issue_machine", "reason", Text, "", False),
    ("IssueMachine", "issue_machine", "body", Text, "", False),
    ("IssueEvent", "issue_event", "machine", Integer, 0, False),
)


async def forwards() -> MigrationManager:
    manager = MigrationManager(migration_id=ID, app_name="server", description=DESCRIPTION)
    manager.add_table(class_name="IssueMachine", tablename="issue_machine", schema=None, columns=None)

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
