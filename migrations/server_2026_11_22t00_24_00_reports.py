"""How reports are found: by arrival, by enterprise, by record."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

ID = "2026-11-22T00:24:00:000000"
VERSION = "1.38.0"
DESCRIPTION = "indexes of reports"


async def forwards() -> MigrationManager:
    from sync.transaction import execute, is_postgres

    manager = MigrationManager(migration_id=ID, app_name="server", description=DESCRIPTION)

    async def add() -> None:
        await execute("CREATE INDEX report_arrival ON report (bureau, reported_at, id)")
        await execute(
            "CREATE INDEX report_enterprise ON report (bureau, enterprise, reported_at) WHERE enterprise IS NOT NULL"
        )
        await execute("CREATE INDEX report_record ON report (record) WHERE record IS NOT NULL")
        if is_postgres():
            await execute("ALTER TABLE report ALTER COLUMN description SET COMPRESSION lz4")

    async def remove() -> None:
        for name in ("report_arrival", "report_enterprise", "report_record"):
            await execute(f"DROP INDEX {name}")

    manager.add_raw(add)
    manager.add_raw_backwards(remove)
    return manager
