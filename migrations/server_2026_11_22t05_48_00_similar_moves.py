"""Moves of issues are found by their number; what phones know and vectors by their bureau."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

ID = "2026-11-22T05:48:00:000000"
VERSION = "1.38.0"
DESCRIPTION = "indexes of moves, known issues and vectors"
INDEXES = {
    "sync_feed_issue_moves": "ON sync_feed (bureau, seq) WHERE kind = 'issue'",
    "known_issue_bureau": "ON known_issue (bureau)",
    "text_vector_bureau": "ON text_vector (bureau)",
}


async def forwards() -> MigrationManager:
    from sync.transaction import execute

    manager = MigrationManager(migration_id=ID, app_name="server", description=DESCRIPTION)

    async def add() -> None:
        for name, on in INDEXES.items():
            await execute(f"CREATE INDEX {name} {on}")

    async def remove() -> None:
        for name in INDEXES:
            await execute(f"DROP INDEX {name}")

    manager.add_raw(add)
    manager.add_raw_backwards(remove)
    return manager
