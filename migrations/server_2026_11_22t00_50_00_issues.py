"""How issues are found: the open queue by its next date, by unit, by enterprise, by number; events and links by issue."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

ID = "2026-11-22T00:50:00:000000"
VERSION = "1.38.0"
DESCRIPTION = "indexes of issues"

INDEXES = {
    "issue_all": "INDEX issue_all ON issue (bureau, next_due, id)",
    "issue_number": "UNIQUE INDEX issue_number ON issue (bureau, number)",
    "issue_queue": "INDEX issue_queue ON issue (bureau, next_due, id) WHERE closed_at IS NULL",
    "issue_queue_lead": "INDEX issue_queue_lead ON issue (bureau, lead, next_due, id) WHERE closed_at IS NULL",
    "issue_by_state": "INDEX issue_by_state ON issue (bureau, state, next_due, id)",
    "issue_enterprise": "INDEX issue_enterprise ON issue (bureau, enterprise) WHERE enterprise IS NOT NULL",
    "issue_event_order": "UNIQUE INDEX issue_event_order ON issue_event (issue, n)",
    "issue_link_issue": "INDEX issue_link_issue ON issue_link (issue) WHERE undone_at IS NULL",
    "issue_link_report": "INDEX issue_link_report ON issue_link (report)",
    "issue_link_person": "INDEX issue_link_person ON issue_link (bureau, person) WHERE undone_at IS NULL",
    "issue_link_enterprise": "INDEX issue_link_enterprise ON issue_link (bureau, enterprise) WHERE undone_at IS NULL",
    "issue_unit_issue": "INDEX issue_unit_issue ON issue_unit (issue) WHERE until IS NULL",
    "issue_unit_unit": "INDEX issue_unit_unit ON issue_unit (bureau, unit) WHERE until IS NULL",
    "result_letter_once": "UNIQUE INDEX result_letter_once ON result_letter (bureau, letter)",
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
