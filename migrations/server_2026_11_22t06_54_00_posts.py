"""Posts, who holds them and who is away; rules of the matrix by industry and tier, with a post and a priority."""

from typing import Any

from piccolo.apps.migrations.auto.migration_manager import MigrationManager
from piccolo.columns.column_types import UUID, Date, Integer, Text, Timestamptz
from piccolo.columns.defaults.date import DateNow
from piccolo.columns.defaults.timestamptz import TimestamptzNow
from piccolo.columns.defaults.uuid import UUID4
from piccolo.columns.indexes import IndexMethod

ID = "2026-11-22T06:54:00:000000"
VERSION = "1.38.0"
DESCRIPTION = "posts"

NEW = (("Post", "post"), ("PostHolder", "post_holder"), ("Absence", "absence"))
COLUMNS: tuple[tuple[str, str, str, Any, Any, bool], ...] = (
    ("Post", "post", "id", UUID, None, False),
    ("Post", "post", "bureau", UUID, UUID4(), False),
    ("Post", "post", "unit", UUID, UUID4(), False),
    ("Post", "post", "code", Text, "", False),
    ("Post", "post", "name", Text, "", False),
    ("Post", "post", "retired_at", Timestamptz, None, True),
    ("PostHolder", "post_holder", "id", UUID, None, False),
    ("PostHolder", "post_holder", "bureau", UUID, UUID4(), False),
    ("PostHolder", "post_holder", "post", UUID, UUID4(), False),
    ("PostHolder", "post_holder", "person", UUID, UUID4(), False),
    ("PostHolder", "post_holder", "place", Integer, 0, False),
    ("PostHolder", "post_holder", "capacity", Integer, 0, False),
    ("PostHolder", "post_holder", "substitute", UUID, None, True),
    ("PostHolder", "post_holder", "since", Timestamptz, TimestamptzNow(), False),
    ("PostHolder", "post_holder", "until", Timestamptz, None, True),
    ("Absence", "absence", "id", UUID, None, False),
    ("Absence", "absence", "bureau", UUID, UUID4(), False),
    ("Absence", "absence", "person", UUID, UUID4(), False),
    ("Absence", "absence", "starts_on", Date, DateNow(), False),
    ("Absence", "absence", "ends_on", Date, DateNow(), False),
    ("Absence", "absence", "substitute", UUID, None, True),
    ("Absence", "absence", "reason", Text, "", False),
    ("Absence", "absence", "noted_by", UUID, UUID4(), False),
    ("Absence", "absence", "created_at", Timestamptz, TimestamptzNow(), False),
    ("Absence", "absence", "cancelled_at", Timestamptz, None, True),
    ("RoutingRule", "routing_rule", "industry", Text, "", False),
    ("RoutingRule", "routing_rule", "tier", Text, "", False),
    ("RoutingRule", "routing_rule", "post", Text, "", False),
    ("RoutingRule", "routing_rule", "priority", Integer, 0, False),
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
