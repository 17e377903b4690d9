"""What may exist only once in the registry and among assignments, and how lists and look-ups find their rows."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

ID = "2026-11-22T00:10:00:000000"
VERSION = "1.38.0"
DESCRIPTION = "indexes of enterprises, assignments and files"

INDEXES = {
    "enterprise_code_once": "UNIQUE INDEX enterprise_code_once ON enterprise (bureau, credit_code)",
    "enterprise_temporary_once": "UNIQUE INDEX enterprise_temporary_once ON enterprise (bureau, temporary_id)",
    "enterprise_name_order": "INDEX enterprise_name_order ON enterprise (bureau, name, id)",
    "enterprise_contact_of": "INDEX enterprise_contact_of ON enterprise_contact (bureau, enterprise)",
    "enterprise_contact_first": (
        "UNIQUE INDEX enterprise_contact_first ON enterprise_contact (bureau, enterprise) WHERE is_first"
    ),
    "enterprise_tier_of": "INDEX enterprise_tier_of ON enterprise_tier (bureau, enterprise, since)",
    "enterprise_honour_of": "INDEX enterprise_honour_of ON enterprise_honour (bureau, enterprise)",
    "enterprise_pool_of": "INDEX enterprise_pool_of ON enterprise_pool (bureau, enterprise)",
    "enterprise_pool_once": (
        "UNIQUE INDEX enterprise_pool_once ON enterprise_pool (bureau, pool, enterprise) WHERE until IS NULL"
    ),
    "enterprise_assignment_once": (
        "UNIQUE INDEX enterprise_assignment_once ON enterprise_assignment (bureau, person, enterprise)"
        " WHERE until IS NULL"
    ),
    "enterprise_assignment_of": "INDEX enterprise_assignment_of ON enterprise_assignment (bureau, enterprise, since)",
    "uploaded_file_record": "INDEX uploaded_file_record ON uploaded_file (bureau, record) WHERE record IS NOT NULL",
    "uploaded_file_open": "INDEX uploaded_file_open ON uploaded_file (bureau, person) WHERE state = 'pending'",
    "uploaded_file_expiry": "INDEX uploaded_file_expiry ON uploaded_file (expires_at) WHERE state = 'pending'",
}


async def forwards() -> MigrationManager:
    from sync.transaction import execute

    manager = MigrationManager(migration_id=ID, app_name="server", description=DESCRIPTION)

    async def add() -> None:
        for index in INDEXES.values():
            await execute(f"CREATE {index}")

    async def remove() -> None:
        for name in INDEXES:
            await execute(f"DROP INDEX {name}")

    manager.add_raw(add)
    manager.add_raw_backwards(remove)
    return manager
