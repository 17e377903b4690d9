"""What a person has open, what waits, and the decisions of an issue are found by index."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

ID = "2026-11-22T07:01:00:000000"
VERSION = "1.38.0"
DESCRIPTION = "indexes of duty"
INDEXES = {
    "issue_handler": "CREATE INDEX issue_handler ON issue (bureau, handler, handler_since)",
    "issue_duty_issue": "CREATE INDEX issue_duty_issue ON issue_duty (bureau, issue)",
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
