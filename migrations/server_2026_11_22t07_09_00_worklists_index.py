"""Lists by their owner, bulk jobs that are open, one undoing for each job."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

ID = "2026-11-22T07:09:00:000000"
VERSION = "1.38.0"
DESCRIPTION = "worklists: indexes"

INDEXES = {
    "saved_list_owner": "INDEX saved_list_owner ON saved_list (bureau, owner)",
    "bulk_job_open": "INDEX bulk_job_open ON bulk_job (created_at) WHERE is_open = {true}",
    "bulk_job_undoes": "UNIQUE INDEX bulk_job_undoes ON bulk_job (undoes) WHERE undoes IS NOT NULL",
    "bulk_item_place": "UNIQUE INDEX bulk_item_place ON bulk_item (job, place)",
}


async def forwards() -> MigrationManager:
    from sync.transaction import execute, is_postgres

    manager = MigrationManager(migration_id=ID, app_name="server", description=DESCRIPTION)

    async def add() -> None:
        true = "true" if is_postgres() else "1"
        for definition in INDEXES.values():
            await execute("CREATE " + definition.format(true=true))

    async def remove() -> None:
        for name in INDEXES:
            await execute(f"DROP INDEX {name}")

    manager.add_raw(add)
    manager.add_raw_backwards(remove)
    return manager
