"""Alarms at emerging problems, and the rules they are raised by."""

from typing import Any

from piccolo.apps.migrations.auto.migration_manager import MigrationManager
from piccolo.columns.column_types import UUID, Boolean, Date, DoublePrecision, Integer, Text, Timestamptz
from piccolo.columns.defaults.date import DateNow
from piccolo.columns.defaults.timestamptz import TimestamptzNow
from piccolo.columns.defaults.uuid import UUID4
from piccolo.columns.indexes import IndexMethod

ID = "2026-11-22T07:31:00:000000"
VERSION = "1.38.0"
DESCRIPTION = "alarms"

NEW = (("Alarm", "alarm"), ("AlarmRules", "alarm_rules"))
COLUMNS: tuple[tuple[str, str, str, Any, Any, bool], ...] = (
    ("Alarm", "alarm", "id", UUID, None, False),
    ("Alarm", "alarm", "bureau", UUID, UUID4(), False),
    ("Alarm", "alarm", "category", Text, "", False),
    ("Alarm", "alarm", "region", Text, "", False),
    ("Alarm", "alarm", "day", Date, DateNow(), False),
    ("Alarm", "alarm", "enterprises", Integer, 0, False),
    ("Alarm", "alarm", "baseline", DoublePrecision, 0.0, False),
    ("Alarm", "alarm", "ratio", DoublePrecision, 0.0, False),
    ("Alarm", "alarm", "reports", Text, "", False),
    ("Alarm", "alarm", "raised_at", Timestamptz, TimestamptzNow(), False),
    ("Alarm", "alarm", "seen_at", Timestamptz, None, True),
    ("Alarm", "alarm", "seen_by", UUID, None, True),
    ("AlarmRules", "alarm_rules", "id", UUID, None, False),
    ("AlarmRules", "alarm_rules", "bureau", UUID, UUID4(), False),
    ("AlarmRules", "alarm_rules", "version", Integer, 0, False),
    ("AlarmRules", "alarm_rules", "is_on", Boolean, True, False),
    ("AlarmRules", "alarm_rules", "enterprises_min", Integer, 0, False),
    ("AlarmRules", "alarm_rules", "ratio_min", DoublePrecision, 0.0, False),
    ("AlarmRules", "alarm_rules", "baseline_min", DoublePrecision, 0.0, False),
    ("AlarmRules", "alarm_rules", "cool_down_days", Integer, 0, False),
    ("AlarmRules", "alarm_rules", "person", UUID, UUID4(), False),
    ("AlarmRules", "alarm_rules", "changed_at", Timestamptz, TimestamptzNow(), False),
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
