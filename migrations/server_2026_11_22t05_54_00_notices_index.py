"""How notices and deliveries are found: the inbox, the queue, the log."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

ID = "2026-11-22T05:54:00:000000"
VERSION = "1.38.0"
DESCRIPTION = "indexes of notices"
INDEXES = {
    "notice_inbox": "INDEX notice_inbox ON notice (bureau, person, created_at, id)",
    "notice_unread": "INDEX notice_unread ON notice (bureau, person) WHERE read_at IS NULL",
    "notice_age": "INDEX notice_age ON notice (created_at)",
    "notice_delivery_due": "INDEX notice_delivery_due ON notice_delivery (next_try_at) WHERE state = 'pending'",
    "notice_delivery_gathered": "INDEX notice_delivery_gathered ON notice_delivery (next_try_at) WHERE state = 'gathered'",
    "notice_delivery_tried": "INDEX notice_delivery_tried ON notice_delivery (tried_at) WHERE tried_at IS NOT NULL",
    "notice_delivery_log": "INDEX notice_delivery_log ON notice_delivery (bureau, created_at, id)",
    "notice_delivery_notice": "INDEX notice_delivery_notice ON notice_delivery (notice)",
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
