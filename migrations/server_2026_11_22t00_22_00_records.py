"""How records are found: by arrival, by enterprise, by author; versions by record. Bodies are compressed with lz4."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

ID = "2026-11-22T00:22:00:000000"
VERSION = "1.38.0"
DESCRIPTION = "indexes of records, lz4 for their bodies"


async def forwards() -> MigrationManager:
    from sync.transaction import execute, is_postgres

    manager = MigrationManager(migration_id=ID, app_name="server", description=DESCRIPTION)

    async def add() -> None:
        await execute("CREATE INDEX record_arrival ON record (bureau, received_at, id)")
        await execute(
            "CREATE INDEX record_enterprise ON record (bureau, enterprise, received_at) WHERE enterprise IS NOT NULL"
        )
        await execute("CREATE INDEX record_person ON record (bureau, person, received_at)")
        await execute("CREATE UNIQUE INDEX record_version_once ON record_version (record, n)")
        if is_postgres():
            await execute("ALTER TABLE record_version ALTER COLUMN body SET COMPRESSION lz4")
            await execute("ALTER TABLE record_version ALTER COLUMN flaws SET COMPRESSION lz4")

    async def remove() -> None:
        for name in ("record_arrival", "record_enterprise", "record_person", "record_version_once"):
            await execute(f"DROP INDEX {name}")

    manager.add_raw(add)
    manager.add_raw_backwards(remove)
    return manager
