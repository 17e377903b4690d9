"""How the cases of a common problem are found, and what was merged into an issue."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

ID = "2026-11-22T06:34:00:000000"
VERSION = "1.38.0"
DESCRIPTION = "indexes of cases and merges"

INDEXES = {
    "issue_parent": "INDEX issue_parent ON issue (bureau, parent) WHERE parent IS NOT NULL",
    "issue_merged_into": "INDEX issue_merged_into ON issue (bureau, merged_into) WHERE merged_into IS NOT NULL",
}


async def forwards() -> MigrationManager:
    from sync.transaction import execute

    manager = MigrationManager(migration_id=ID, app_name="server", description=DESCRIPTION)

    async def add() -> None:
        for definition in INDEXES.values():
            await execute(f"CREATE {definition}")

    async def remove() -> None:
        for name in INDEXES:
            await execute(f"DROP INDEX {name}")

    manager.add_raw(add)
    manager.add_raw_backwards(remove)
    return manager
