"""Units with clocks of their own, who has the contact with the enterprise, who an issue was raised to, what is left out of rates."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager
from piccolo.columns.column_types import UUID, Boolean, Text, Timestamptz
from piccolo.columns.indexes import IndexMethod

ID = "2026-11-22T05:52:00:000000"
VERSION = "1.38.0"
DESCRIPTION = "parts of issues"

COLUMNS = (
    ("Issue", "issue", "escalation_owner", UUID, None, True),
    ("Issue", "issue", "contact", UUID, None, True),
    ("Issue", "issue", "excluded", Boolean, False, False),
    ("Issue", "issue", "exclusion", Text, "", False),
    ("IssueUnit", "issue_unit", "asked_at", Timestamptz, None, True),
    ("IssueUnit", "issue_unit", "signed_at", Timestamptz, None, True),
    ("IssueUnit", "issue_unit", "answered_at", Timestamptz, None, True),
    ("IssueUnit", "issue_unit", "due", Timestamptz, None, True),
)


async def forwards() -> MigrationManager:
    manager = MigrationManager(migration_id=ID, app_name="server", description=DESCRIPTION)

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
                "primary_key": False,
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
