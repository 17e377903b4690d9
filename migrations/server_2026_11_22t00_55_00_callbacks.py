"""Call-backs are found by their issue."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

ID = "2026-11-22T00:55:00:000000"
VERSION = "1.38.0"
DESCRIPTION = "indexes of call-backs"


async def forwards() -> MigrationManager:
    from sync.transaction import execute

    manager = MigrationManager(migration_id=ID, app_name="server", description=DESCRIPTION)

    async def add() -> None:
        await execute("CREATE UNIQUE INDEX callback_try ON callback (issue, report, turn, n)")

    async def remove() -> None:
        await execute("DROP INDEX callback_try")

    manager.add_raw(add)
    manager.add_raw_backwards(remove)
    return manager
