"""A phone may say that a restore has lost work of its own."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

ID = "2026-11-22T02:20:00:000000"
VERSION = "1.38.0"
DESCRIPTION = "work lost by a restore"

COLUMNS = ["ALTER TABLE sync_device ADD COLUMN lost_until TIMESTAMPTZ"]


async def forwards() -> MigrationManager:
    from sync.transaction import execute

    manager = MigrationManager(migration_id=ID, app_name="server", description=DESCRIPTION)

    async def add() -> None:
        for statement in COLUMNS:
            await execute(statement)

    async def remove() -> None:
        await execute("ALTER TABLE sync_device DROP COLUMN lost_until")

    manager.add_raw(add)
    manager.add_raw_backwards(remove)
    return manager
