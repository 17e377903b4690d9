"""A letter may come again at another time: only those in force differ."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

ID = "2026-11-22T07:12:00:000000"
VERSION = "1.38.0"
DESCRIPTION = "dated letters: index"


async def forwards() -> MigrationManager:
    from sync.transaction import execute

    manager = MigrationManager(migration_id=ID, app_name="server", description=DESCRIPTION)

    async def add() -> None:
        await execute("DROP INDEX result_letter_once")
        await execute("CREATE UNIQUE INDEX result_letter_once ON result_letter (bureau, letter) WHERE until IS NULL")

    async def remove() -> None:
        await execute("DELETE FROM result_letter WHERE until IS NOT NULL")
        await execute("DROP INDEX result_letter_once")
        await execute("CREATE UNIQUE INDEX result_letter_once ON result_letter (bureau, letter)")

    manager.add_raw(add)
    manager.add_raw_backwards(remove)
    return manager
