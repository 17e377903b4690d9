"""What may exist only once among visits, symposia, tasks and campaigns, and the order of their lists."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

ID = "2026-11-22T00:30:00:000000"
VERSION = "1.38.0"
DESCRIPTION = "indexes of visits, symposia, tasks and campaigns"

INDEXES = {
    "task_list": "task (bureau, state, due_on, id)",
    "task_person": "task (bureau, person, state, due_on, id)",
    "task_record": "task (bureau, record)",
    "visit_calendar": "visit (bureau, day, id)",
    "visit_enterprise": "visit (bureau, enterprise, day, id)",
    "visit_person": "visit (bureau, person, state, day)",
    "symposium_list": "symposium (bureau, starts_at, id)",
    "attendance_symposium": "attendance (bureau, symposium, id)",
    "slot_enterprise": "slot (bureau, enterprise, state)",
    "slot_list": "slot (round, state, name, id)",
    "slot_record_list": "slot_record (slot, received_at)",
    "slot_link_slot": "slot_link (slot)",
}
ONLY_ONCE = {
    "visit_record_once": "visit (bureau, record) WHERE record IS NOT NULL",
    "visit_companion_once": "visit_companion (visit, person)",
    "symposium_invitation_once": "symposium_invitation (symposium, enterprise)",
    "symposium_helper_once": "symposium_helper (symposium, person)",
    "campaign_round_once": "campaign_round (campaign, n)",
    "slot_once": "slot (round, enterprise)",
    "slot_record_once": "slot_record (slot, record)",
    "slot_link_once": "slot_link (slot) WHERE revoked_at IS NULL",
}


async def forwards() -> MigrationManager:
    from sync.transaction import execute

    manager = MigrationManager(migration_id=ID, app_name="server", description=DESCRIPTION)

    async def add() -> None:
        for name, columns in INDEXES.items():
            await execute(f"CREATE INDEX {name} ON {columns}")
        for name, columns in ONLY_ONCE.items():
            await execute(f"CREATE UNIQUE INDEX {name} ON {columns}")

    async def remove() -> None:
        for name in (*INDEXES, *ONLY_ONCE):
            await execute(f"DROP INDEX {name}")

    manager.add_raw(add)
    manager.add_raw_backwards(remove)
    return manager
