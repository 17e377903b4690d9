"""Each version and each label once; the labels of an issue by index."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

ID = "2026-11-22T07:21:00:000000"
VERSION = "1.38.0"
DESCRIPTION = "indexes of labels"
INDEXES = {
    "taxonomy_change_version": "CREATE UNIQUE INDEX taxonomy_change_version ON taxonomy_change (bureau, version)",
    "label_code": "CREATE UNIQUE INDEX label_code ON label (bureau, code)",
    "issue_label_issue": "CREATE INDEX issue_label_issue ON issue_label (bureau, issue)",
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
