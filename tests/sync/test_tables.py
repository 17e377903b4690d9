"""The tables the library works on are the tables the migration makes."""

import importlib.util
from pathlib import Path

from sync import tables

MIGRATION = Path(__file__).parents[2] / "migrations" / "server_2026_11_22t00_01_00_sync.py"


def test_the_migration_carries_the_same_statements_as_the_library():
    spec = importlib.util.spec_from_file_location(MIGRATION.stem, MIGRATION)
    migration = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(migration)
    assert migration.TABLES == tables.TABLES
    assert list(tables.NAMES) == migration.NAMES
    compressed = [f"ALTER TABLE {name} ALTER COLUMN body SET COMPRESSION lz4" for name in migration.COMPRESSED]
    assert tables.statements(postgres=True) == [*tables.TABLES, *compressed]
