"""What may exist once in a bureau: a category code, an edition of the matrix, a day of the calendar."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

ID = "2026-11-22T00:45:00:000000"
VERSION = "1.38.0"
DESCRIPTION = "indexes of the taxonomy, the routing matrix and the calendar"


async def forwards() -> MigrationManager:
    from sync.transaction import execute

    manager = MigrationManager(migration_id=ID, app_name="server", description=DESCRIPTION)

    async def add() -> None:
        await execute("CREATE UNIQUE INDEX category_code ON category (bureau, code)")
        await execute("CREATE UNIQUE INDEX routing_version_number ON routing_version (bureau, version)")
        await execute("CREATE UNIQUE INDEX routing_rule_line ON routing_rule (bureau, version, line)")
        await execute("CREATE UNIQUE INDEX calendar_day_once ON calendar_day (bureau, day)")

    async def remove() -> None:
        for name in ("category_code", "routing_version_number", "routing_rule_line", "calendar_day_once"):
            await execute(f"DROP INDEX {name}")

    manager.add_raw(add)
    manager.add_raw_backwards(remove)
    return manager
