"""Indexes for every order a list may have, and for what a person put aside."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

ID = "2026-11-22T06:51:00:000000"
VERSION = "1.38.0"
DESCRIPTION = "lists: indexes"

INDEXES = {
    "issue_number_order": "INDEX issue_number_order ON issue (bureau, number{binary}, id)",
    "issue_opened": "INDEX issue_opened ON issue (bureau, opened_at, id)",
    "issue_since": "INDEX issue_since ON issue (bureau, state_since, id) WHERE closed_at IS NULL",
    "issue_closed": "INDEX issue_closed ON issue (bureau, closed_at, id) WHERE closed_at IS NOT NULL",
    "issue_category": "INDEX issue_category ON issue (bureau, category{binary}, next_due, id) WHERE closed_at IS NULL",
    "issue_lead": "INDEX issue_lead ON issue (bureau, lead, next_due, id)",
    "issue_desk": "INDEX issue_desk ON issue (bureau, desk, next_due, id) WHERE closed_at IS NULL",
    "issue_unit_helping": "INDEX issue_unit_helping ON issue_unit (bureau, unit, issue)"
    " WHERE until IS NULL AND role <> 'lead'",
    "issue_snooze_person": "INDEX issue_snooze_person ON issue_snooze (bureau, person, until)",
}


async def forwards() -> MigrationManager:
    from sync.transaction import execute, is_postgres

    manager = MigrationManager(migration_id=ID, app_name="server", description=DESCRIPTION)

    async def add() -> None:
        binary = ' COLLATE "C"' if is_postgres() else ""
        for definition in INDEXES.values():
            await execute("CREATE " + definition.format(binary=binary))

    async def remove() -> None:
        for name in INDEXES:
            await execute(f"DROP INDEX {name}")

    manager.add_raw(add)
    manager.add_raw_backwards(remove)
    return manager
