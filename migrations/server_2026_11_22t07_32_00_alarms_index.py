"""Alarms by day; each edition of their rules once."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

ID = "2026-11-22T07:32:00:000000"
VERSION = "1.38.0"
DESCRIPTION = "indexes of alarms"
INDEXES = {
    "alarm_day": "CREATE INDEX alarm_day ON alarm (bureau, day)",
    "alarm_rules_version": "CREATE UNIQUE INDEX alarm_rules_version ON alarm_rules (bureau, version)",
}


async def forwards() -> MigrationManager:
    from sync.transaction import execute

    manager = MigrationManager(migration_id=ID, app_name="server", description=DESCRIPTION)

    async def add() -> None:
        for statement in INDEXES.values():
            await execute(statement)

    async def remove() -> None:
        for name in INDEXES:
            await execute(f"DROP INDEX {name}")

    manager.add_raw(add)
    manager.add_raw_backwards(remove)
    return manager
