"""Where the sweep and the lights look, and a first look at every open issue."""

from datetime import UTC, datetime

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

ID = "2026-11-22T06:11:00:000000"
VERSION = "1.38.0"
DESCRIPTION = "clocks: indexes"

INDEXES = {
    "issue_timer": "INDEX issue_timer ON issue (bureau, next_timer_at)",
    "issue_signal_issue": "INDEX issue_signal_issue ON issue_signal (issue, at)",
    "issue_signal_bureau": "INDEX issue_signal_bureau ON issue_signal (bureau, at)",
    "clock_policy_once": "UNIQUE INDEX clock_policy_once ON clock_policy (bureau, name, version)",
}


async def forwards() -> MigrationManager:
    from sync.transaction import execute, is_postgres

    manager = MigrationManager(migration_id=ID, app_name="server", description=DESCRIPTION)

    async def add() -> None:
        for definition in INDEXES.values():
            await execute(f"CREATE {definition}")
        moment = datetime.now(UTC)
        await execute(
            "UPDATE issue SET next_timer_at = $1 WHERE closed_at IS NULL",
            [moment if is_postgres() else moment.isoformat(" ")],
        )

    async def remove() -> None:
        for name in INDEXES:
            await execute(f"DROP INDEX {name}")

    manager.add_raw(add)
    manager.add_raw_backwards(remove)
    return manager
