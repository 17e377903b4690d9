"""How a report came to its issue, and who judged that it belongs there."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager
from piccolo.columns.column_types import UUID, DoublePrecision, Text, Timestamptz
from piccolo.columns.indexes import IndexMethod

ID = "2026-11-22T05:32:00:000000"
VERSION = "1.38.0"
DESCRIPTION = "links of reports and issues"

COLUMNS = (
    ("method", Text, "intake", False),
    ("score", DoublePrecision, None, True),
    ("algorithm", Text, "", False),
    ("state", Text, "confirmed", False),
    ("suggested_by", UUID, None, True),
    ("rejected_by", UUID, None, True),
    ("decided_at", Timestamptz, None, True),
)


async def forwards() -> MigrationManager:
    manager = MigrationManager(migration_id=ID, app_name="server", description=DESCRIPTION)

    for name, column_class, default, null in COLUMNS:
        manager.add_column(
            table_class_name="IssueLink",
            tablename="issue_link",
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
