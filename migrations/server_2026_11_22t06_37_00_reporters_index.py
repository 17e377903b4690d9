"""Answers are found by their issue, links by their token and their report."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

ID = "2026-11-22T06:37:00:000000"
VERSION = "1.38.0"
DESCRIPTION = "reporters: indexes"

INDEXES = {
    "issue_reply_once": "UNIQUE INDEX issue_reply_once ON issue_reply (issue, n, report)",
    "reporter_link_token": "UNIQUE INDEX reporter_link_token ON reporter_link (token_hash)",
    "reporter_link_report": "INDEX reporter_link_report ON reporter_link (bureau, report)",
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
