"""Links from before: what nobody confirmed is a suggestion; what came by a merge says so."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

ID = "2026-11-22T05:33:00:000000"
VERSION = "1.38.0"
DESCRIPTION = "states of links from before"


async def forwards() -> MigrationManager:
    from sync.transaction import execute

    manager = MigrationManager(migration_id=ID, app_name="server", description=DESCRIPTION)

    async def fill() -> None:
        await execute("UPDATE issue_link SET state = 'suggested', method = 'hand' WHERE confirmed_by IS NULL")
        await execute("UPDATE issue_link SET method = 'merge' WHERE via IS NOT NULL")

    async def leave() -> None:
        """The columns go with the migration before."""

    manager.add_raw(fill)
    manager.add_raw_backwards(leave)
    return manager
