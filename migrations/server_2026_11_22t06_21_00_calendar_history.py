"""A day of the calendar may be said of once in every version; what stood there before is the history so far."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

ID = "2026-11-22T06:21:00:000000"
VERSION = "1.38.0"
DESCRIPTION = "history of the calendar"
INDEXES = {
    "calendar_version_once": "UNIQUE INDEX calendar_version_once ON calendar_version (bureau, version)",
    "calendar_day_version": "UNIQUE INDEX calendar_day_version ON calendar_day (bureau, version, day)",
    "calendar_hours_version": "UNIQUE INDEX calendar_hours_version ON calendar_hours (bureau, version, valid_from)",
    "issue_recount_open": "INDEX issue_recount_open ON issue_recount (started_at) WHERE finished_at IS NULL",
    "issue_redate_issue": "INDEX issue_redate_issue ON issue_redate (issue)",
    "issue_open": "INDEX issue_open ON issue (bureau, id) WHERE closed_at IS NULL",
}


async def forwards() -> MigrationManager:
    from sync.identity import new_id
    from sync.transaction import execute, fetch

    manager = MigrationManager(migration_id=ID, app_name="server", description=DESCRIPTION)

    async def add() -> None:
        await execute("DROP INDEX calendar_day_once")
        known = await fetch("SELECT bureau, version, count(*) AS days FROM calendar_day GROUP BY bureau, version")
        for row in known:
            await execute(
                "INSERT INTO calendar_version (id, bureau, version, edition, kind, note, days, person, at)"
                " SELECT $1, bureau, version, '2026', 'days', '', $2, person, changed_at FROM calendar_day"
                " WHERE bureau = $3 AND version = $4 ORDER BY changed_at DESC LIMIT 1",
                [new_id(), row["days"], row["bureau"], row["version"]],
            )
        for definition in INDEXES.values():
            await execute(f"CREATE {definition}")

    async def remove() -> None:
        for name in INDEXES:
            await execute(f"DROP INDEX {name}")
        await execute(
            "DELETE FROM calendar_day WHERE EXISTS (SELECT 1 FROM calendar_day AS later WHERE later.bureau ="
            " calendar_day.bureau AND later.day = calendar_day.day AND later.version > calendar_day.version)"
        )
        await execute("DELETE FROM calendar_day WHERE withdrawn")
        await execute("DELETE FROM calendar_version")
        await execute("CREATE UNIQUE INDEX calendar_day_once ON calendar_day (bureau, day)")

    manager.add_raw(add)
    manager.add_raw_backwards(remove)
    return manager
