"""What may exist only once among questionnaires."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

ID = "2026-11-22T00:20:00:000000"
VERSION = "1.38.0"
DESCRIPTION = "forms and versions are unique by name within a bureau"


async def forwards() -> MigrationManager:
    from sync.transaction import execute, is_postgres

    manager = MigrationManager(migration_id=ID, app_name="server", description=DESCRIPTION)

    async def add() -> None:
        await execute("CREATE UNIQUE INDEX form_once ON form (bureau, form_id)")
        await execute("CREATE UNIQUE INDEX form_version_once ON form_version (bureau, form_id, version)")
        await execute("CREATE UNIQUE INDEX form_media_once ON form_media (form_version, name)")
        if is_postgres():
            await execute("ALTER TABLE form_version ALTER COLUMN definition SET COMPRESSION lz4")
            await execute("ALTER TABLE form_version ALTER COLUMN xform SET COMPRESSION lz4")

    async def remove() -> None:
        for name in ("form_once", "form_version_once", "form_media_once"):
            await execute(f"DROP INDEX {name}")

    manager.add_raw(add)
    manager.add_raw_backwards(remove)
    return manager
