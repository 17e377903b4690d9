"""Versions of a taxonomy, labels, and the issues that carry them."""

from typing import Any

from piccolo.apps.migrations.auto.migration_manager import MigrationManager
from piccolo.columns.column_types import UUID, Integer, Text, Timestamptz
from piccolo.columns.defaults.timestamptz import TimestamptzNow
from piccolo.columns.defaults.uuid import UUID4
from piccolo.columns.indexes import IndexMethod

ID = "2026-11-22T07:20:00:000000"
VERSION = "1.38.0"
DESCRIPTION = "labels"

NEW = (("TaxonomyChange", "taxonomy_change"), ("Label", "label"), ("IssueLabel", "issue_label"))
COLUMNS: tuple[tuple[str, str, str, Any, Any, bool], ...] = (
    ("TaxonomyChange", "taxonomy_change", "id", UUID, None, False),
    ("TaxonomyChange", "taxonomy_change", "bureau", UUID, UUID4(), False),
    ("TaxonomyChange", "taxonomy_change", "version", Integer, 0, False),
    ("TaxonomyChange", "taxonomy_change", "at", Timestamptz, TimestamptzNow(), False),
    ("TaxonomyChange", "taxonomy_change", "person", UUID, UUID4(), False),
    ("TaxonomyChange", "taxonomy_change", "what", Text, "", False),
    ("TaxonomyChange", "taxonomy_change", "code", Text, "", False),
    ("TaxonomyChange", "taxonomy_change", "change", Text, "", False),
    ("TaxonomyChange", "taxonomy_change", "reason", Text, "", False),
    ("TaxonomyChange", "taxonomy_change", "before", Text, "{}", False),
    ("TaxonomyChange", "taxonomy_change", "after", Text, "{}", False),
    ("Label", "label", "id", UUID, None, False),
    ("Label", "label", "bureau", UUID, UUID4(), False),
    ("Label", "label", "code", Text, "", False),
    ("Label", "label", "zh", Text, "", False),
    ("Label", "label", "en", Text, "", False),
    ("Label", "label", "successor", Text, "", False),
    ("Label", "label", "retired_at", Timestamptz, None, True),
    ("IssueLabel", "issue_label", "id", UUID, None, False),
    ("IssueLabel", "issue_label", "bureau", UUID, UUID4(), False),
    ("IssueLabel", "issue_label", "issue", UUID, UUID4(), False),
    ("IssueLabel", "issue_label", "label", Text, "", False),
    ("IssueLabel", "issue_label", "since", Timestamptz, TimestamptzNow(), False),
    ("IssueLabel", "issue_label", "person", UUID, UUID4(), False),
    ("IssueLabel", "issue_label", "until", Timestamptz, None, True),
    ("IssueLabel", "issue_label", "removed_by", UUID, None, True),
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
