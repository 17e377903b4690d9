"""How files are found and counted; what earlier records and files say is filled in."""

import json
import uuid

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

ID = "2026-11-22T02:16:00:000000"
VERSION = "1.38.0"
DESCRIPTION = "indexes of files, files that earlier records expect"

INDEXES = {
    "uploaded_file_day": "INDEX uploaded_file_day ON uploaded_file (bureau, person, created_at)",
    "uploaded_file_content": "INDEX uploaded_file_content ON uploaded_file (sha256_stored) WHERE sha256_stored <> ''",
    "uploaded_file_to_draw": "INDEX uploaded_file_to_draw ON uploaded_file (stored_at)"
    " WHERE state = 'stored' AND (thumbnail = '' OR place = 'asked')",
    "expected_file_once": "UNIQUE INDEX expected_file_once ON expected_file (record, file)",
    "expected_file_since": "INDEX expected_file_since ON expected_file (bureau, since)",
    "expected_file_file": "INDEX expected_file_file ON expected_file (file)",
}
_NAMED = """
SELECT record.id AS record, record.bureau, record.person, record.received_at, record_version.attachments
FROM record JOIN record_version ON record_version.id = record.current
WHERE record_version.attachments <> '[]' AND record.state <> 'withdrawn'
"""
_EXPECT = """
INSERT INTO expected_file (id, bureau, record, file, person, name, sha256, is_lost, since)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT DO NOTHING
"""


async def forwards() -> MigrationManager:
    from sync.transaction import execute, executemany, fetch, is_postgres

    manager = MigrationManager(migration_id=ID, app_name="server", description=DESCRIPTION)

    async def add() -> None:
        for index in INDEXES.values():
            await execute(f"CREATE {index}")
        await execute("UPDATE uploaded_file SET sha256_stored = sha256_received WHERE state = 'stored'")
        await execute(
            "INSERT INTO file_space (id, bytes) SELECT bureau, sum(size) FROM uploaded_file"
            " WHERE state <> 'ended' GROUP BY bureau"
        )
        stored = {str(row[0]) for row in await fetch("SELECT id FROM uploaded_file WHERE state = 'stored'")}
        cell = uuid.UUID if is_postgres() else str
        rows = []
        for row in await fetch(_NAMED):
            for one in json.loads(row["attachments"]):
                if one["id"] not in stored:
                    named = one["name"], one.get("sha256", ""), one.get("is_lost", False), row["received_at"]
                    rows.append(
                        (cell(str(uuid.uuid4())), row["bureau"], row["record"], cell(one["id"]), row["person"], *named)
                    )
        await executemany(_EXPECT, rows)

    async def remove() -> None:
        for name in INDEXES:
            await execute(f"DROP INDEX {name}")
        await execute("DELETE FROM expected_file")
        await execute("DELETE FROM file_space")

    manager.add_raw(add)
    manager.add_raw_backwards(remove)
    return manager
