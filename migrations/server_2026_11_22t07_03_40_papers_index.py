"""Letters are found by their issue, templates by their kind; a number is given once."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

ID = "2026-11-22T07:03:40:000000"
VERSION = "1.38.0"
DESCRIPTION = "indexes of papers"
INDEXES = {
    "paper_issue": "CREATE INDEX paper_issue ON paper (bureau, issue)",
    "paper_number": "CREATE UNIQUE INDEX paper_number ON paper (bureau, number)",
    "paper_template_kind": "CREATE INDEX paper_template_kind ON paper_template (bureau, kind)",
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
