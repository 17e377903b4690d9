"""Each version of a bureau's machine once; the newest is found by it."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

ID = "2026-11-22T06:25:00:000000"
VERSION = "1.38.0"
DESCRIPTION = "index of machines"


async def forwards() -> MigrationManager:
    from sync.transaction import execute

    manager = MigrationManager(migration_id=ID, app_name="server", description=DESCRIPTION)

    async def add() -> None:
        await execute("CREATE UNIQUE INDEX issue_machine_version ON issue_machine (bureau, version)")

    async def remove() -> None:
        await execute("DROP INDEX issue_machine_version")

    manager.add_raw(add)
    manager.add_raw_backwards(remove)
    return manager
