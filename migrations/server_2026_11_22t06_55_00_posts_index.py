"""A unit has each code of a post once; holders and absences are found by post and by person."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

ID = "2026-11-22T06:55:00:000000"
VERSION = "1.38.0"
DESCRIPTION = "indexes of posts"
INDEXES = {
    "post_code": "CREATE UNIQUE INDEX post_code ON post (bureau, unit, code)",
    "post_holder_post": "CREATE INDEX post_holder_post ON post_holder (bureau, post)",
    "absence_person": "CREATE INDEX absence_person ON absence (bureau, person, ends_on)",
}


async def forwards() -> MigrationManager:
    from sync.transaction import execute

    manager = MigrationManager(migration_id=ID, app_name="server", description=DESCRIPTION)

    async def add() -> None:
        for statement in INDEXES.values():
            await execute(statement)

    async def remove() -> None:
        for name in INDEXES:
            await execute(f"DROP INDEX {name}")

    manager.add_raw(add)
    manager.add_raw_backwards(remove)
    return manager
