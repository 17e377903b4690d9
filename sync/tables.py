"""The protocol's own tables, as they stand today: plain DDL, because composite keys and partial indexes are the point.

Every table is keyed by bureau first. A migration carries the same statements literally, as of its date; a test compares
the two. Nobody but this package reads or writes these tables.

- `sync_head`       one row per bureau: the counter every write takes its numbers from, the epoch, the floor
- `sync_commit`     which write transaction brought the head to which number
- `sync_feed`       one row per (row, scope): where in the order it last changed
- `sync_grant`      who holds which scope from which number until which number, by generation
- `sync_device`     installations; a fork names its parent
- `sync_code`       one-time enrolment codes, hashed
- `sync_operation`  every operation id ever accepted, with the hash of its body and its result
- `sync_quarantine` operations that could not be applied (waiting) or must wait for another (held)
- `sync_field`      per row and field: the number and the hand of its last change
- `sync_conflict`   two hands changed one field: both values, until somebody decides
"""

from sync.transaction import execute, is_postgres

NAMES = (
    "sync_head",
    "sync_commit",
    "sync_feed",
    "sync_grant",
    "sync_device",
    "sync_code",
    "sync_operation",
    "sync_quarantine",
    "sync_field",
    "sync_conflict",
)

TABLES = [
    """CREATE TABLE sync_head (
        bureau UUID PRIMARY KEY,
        n BIGINT NOT NULL,
        epoch UUID NOT NULL,
        floor BIGINT NOT NULL DEFAULT 0
    )""",
    """CREATE TABLE sync_commit (
        bureau UUID NOT NULL,
        n BIGINT NOT NULL,
        id TEXT NOT NULL,
        at TIMESTAMPTZ NOT NULL,
        PRIMARY KEY (bureau, n)
    )""",
    """CREATE TABLE sync_feed (
        bureau UUID NOT NULL,
        kind TEXT NOT NULL,
        id UUID NOT NULL,
        scope TEXT NOT NULL,
        seq BIGINT NOT NULL,
        op TEXT NOT NULL CHECK (op IN ('put', 'out', 'gone', 'redirect')),
        redirect_to UUID,
        PRIMARY KEY (bureau, kind, id, scope)
    )""",
    "CREATE INDEX sync_feed_order ON sync_feed (bureau, scope, seq)",
    """CREATE TABLE sync_grant (
        bureau UUID NOT NULL,
        person UUID NOT NULL,
        scope TEXT NOT NULL,
        generation BIGINT NOT NULL,
        granted BIGINT NOT NULL,
        revoked BIGINT,
        PRIMARY KEY (bureau, person, scope, generation)
    )""",
    "CREATE INDEX sync_grant_scope ON sync_grant (bureau, scope) WHERE revoked IS NULL",
    """CREATE TABLE sync_device (
        bureau UUID NOT NULL,
        id UUID NOT NULL,
        person UUID NOT NULL,
        token_hash TEXT NOT NULL,
        incarnation TEXT NOT NULL,
        parent UUID,
        name TEXT NOT NULL DEFAULT '',
        have_n BIGINT NOT NULL DEFAULT 0,
        acked BIGINT NOT NULL DEFAULT 0,
        clock_offset_seconds BIGINT,
        enrolled_at TIMESTAMPTZ NOT NULL,
        last_pull_at TIMESTAMPTZ,
        last_push_at TIMESTAMPTZ,
        revoked_at TIMESTAMPTZ,
        PRIMARY KEY (bureau, id)
    )""",
    "CREATE UNIQUE INDEX sync_device_token ON sync_device (token_hash)",
    "CREATE INDEX sync_device_person ON sync_device (bureau, person)",
    """CREATE TABLE sync_code (
        code_hash TEXT PRIMARY KEY,
        bureau UUID NOT NULL,
        person UUID NOT NULL,
        expires_at TIMESTAMPTZ NOT NULL,
        device UUID
    )""",
    """CREATE TABLE sync_operation (
        bureau UUID NOT NULL,
        id UUID NOT NULL,
        hash TEXT NOT NULL,
        device UUID,
        n BIGINT,
        status TEXT NOT NULL,
        result TEXT,
        received_at TIMESTAMPTZ NOT NULL,
        PRIMARY KEY (bureau, id)
    )""",
    """CREATE TABLE sync_quarantine (
        bureau UUID NOT NULL,
        id UUID NOT NULL,
        operation UUID NOT NULL,
        device UUID NOT NULL,
        person UUID NOT NULL,
        n BIGINT NOT NULL,
        op TEXT NOT NULL,
        target UUID,
        prev UUID,
        creates TEXT,
        state TEXT NOT NULL CHECK (state IN ('waiting', 'held', 'accepted', 'returned', 'released')),
        code TEXT NOT NULL,
        details TEXT NOT NULL,
        body TEXT NOT NULL,
        received_at TIMESTAMPTZ NOT NULL,
        decided_by UUID,
        decided_at TIMESTAMPTZ,
        note TEXT,
        PRIMARY KEY (bureau, id)
    )""",
    "CREATE INDEX sync_quarantine_open ON sync_quarantine (bureau, received_at) WHERE state IN ('waiting', 'held')",
    "CREATE INDEX sync_quarantine_person ON sync_quarantine (bureau, person, received_at)",
    """CREATE TABLE sync_field (
        bureau UUID NOT NULL,
        kind TEXT NOT NULL,
        id UUID NOT NULL,
        field TEXT NOT NULL,
        v BIGINT,
        hand TEXT NOT NULL,
        person UUID,
        at TIMESTAMPTZ NOT NULL,
        PRIMARY KEY (bureau, kind, id, field)
    )""",
    """CREATE TABLE sync_conflict (
        bureau UUID NOT NULL,
        id UUID NOT NULL,
        kind TEXT NOT NULL,
        target UUID NOT NULL,
        operation UUID NOT NULL,
        person UUID NOT NULL,
        body TEXT NOT NULL,
        at TIMESTAMPTZ NOT NULL,
        resolved_by UUID,
        resolved_at TIMESTAMPTZ,
        resolution TEXT,
        PRIMARY KEY (bureau, id)
    )""",
    "CREATE INDEX sync_conflict_open ON sync_conflict (bureau, at) WHERE resolved_at IS NULL",
]

COLUMNS = [
    "ALTER TABLE sync_device ADD COLUMN lost_until TIMESTAMPTZ",
    "ALTER TABLE sync_device ADD COLUMN suspended_at TIMESTAMPTZ",
    "ALTER TABLE sync_device ADD COLUMN salvage_until TIMESTAMPTZ",
]
"""Added since, each by a migration of its own."""


def statements(postgres: bool) -> list[str]:
    """The DDL of one database: SQLite stores rows in the composite key itself, PostgreSQL compresses bodies with lz4."""
    if postgres:
        return [
            *TABLES,
            "ALTER TABLE sync_quarantine ALTER COLUMN body SET COMPRESSION lz4",
            "ALTER TABLE sync_conflict ALTER COLUMN body SET COMPRESSION lz4",
            *COLUMNS,
        ]
    return [*(f"{one} WITHOUT ROWID" if one.startswith("CREATE TABLE") else one for one in TABLES), *COLUMNS]


async def create_tables() -> None:
    """Make the tables in an empty database; the product uses its migrations instead."""
    for statement in statements(is_postgres()):
        await execute(statement)
