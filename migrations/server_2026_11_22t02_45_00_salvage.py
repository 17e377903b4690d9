"""Devices may be suspended with their person, and what they recorded salvaged for a while."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

ID = "2026-11-22T02:45:00:000000"
VERSION = "1.38.0"
DESCRIPTION = "salvage of revoked devices"

COLUMNS = [
    "ALTER TABLE sync_device ADD COLUMN suspended_at TIMESTAMPTZ",
    "ALTER TABLE sync_device ADD COLUMN salvage_until TIMESTAMPTZ",
]


async def forwards() -> MigrationManager:
    from sync.transaction import execute

    manager = MigrationManager(migration_id=ID, app_name="server", description=DESCRIPTION)

    async def add() -> None:
        for statement in COLUMNS:
            await execute(statement)

    async def remove() -> None:
        await execute("ALTER TABLE sync_device DROP COLUMN salvage_until")
        await execute("ALTER TABLE sync_device DROP COLUMN suspended_at")

    manager.add_raw(add)
    manager.add_raw_backwards(remove)
    return manager
