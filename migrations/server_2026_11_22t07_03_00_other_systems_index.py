"""A number comes once from a source; keys are found by their person."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

ID = "2026-11-22T07:03:00:000000"
VERSION = "1.38.0"
DESCRIPTION = "indexes of other systems"
INDEXES = {
    "imported_order_number": "CREATE UNIQUE INDEX imported_order_number ON imported_order (bureau, source, number)",
    "open311_request_number": "CREATE INDEX open311_request_number ON open311_request (bureau, account, number)",
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
