"""The tables the library works on are the tables the migrations make."""

import importlib.util
from pathlib import Path
from types import ModuleType

from sync import tables

MIGRATIONS = Path(__file__).parents[2] / "migrations"


def load(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    migration = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(migration)
    return migration


def test_the_migrations_carry_the_same_statements_as_the_library():
    migration = load(MIGRATIONS / "server_2026_11_22t00_01_00_sync.py")
    assert migration.TABLES == tables.TABLES
    assert list(tables.NAMES) == migration.NAMES
    compressed = [f"ALTER TABLE {name} ALTER COLUMN body SET COMPRESSION lz4" for name in migration.COMPRESSED]
    later = [path for path in sorted(MIGRATIONS.glob("*.py")) if "ALTER TABLE sync_" in path.read_text()]
    columns = [one for path in later for one in getattr(load(path), "COLUMNS", [])]
    assert columns == tables.COLUMNS
    assert tables.statements(postgres=True) == [*tables.TABLES, *compressed, *columns]
