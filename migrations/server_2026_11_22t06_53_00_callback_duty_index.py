"""One task for each reporter and turn; tasks are listed by their date and found by what closes."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

ID = "2026-11-22T06:53:00:000000"
VERSION = "1.38.0"
DESCRIPTION = "callback duty: indexes"

INDEXES = {
    "callback_task_once": "UNIQUE INDEX callback_task_once ON callback_task (issue, report, turn)",
    "callback_task_due": "INDEX callback_task_due ON callback_task (bureau, state, due_on, id)",
    "callback_task_closing": "INDEX callback_task_closing ON callback_task (closes_on) WHERE state = 'not_drawn'",
    "callback_policy_once": "UNIQUE INDEX callback_policy_once ON callback_policy (bureau, version)",
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
