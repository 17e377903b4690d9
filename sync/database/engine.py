"""The engine of an address: `piccolo_conf.DB = make_engine(…)`."""

from sync.database.postgres import PostgresEngine
from sync.database.sqlite import SQLiteEngine


def make_engine(url: str) -> SQLiteEngine | PostgresEngine:
    """`sqlite:///relative.db`, `sqlite:////absolute.db` or `postgres://user@host/name`; connects to nothing yet."""
    if url.startswith("sqlite:///") and len(url) > len("sqlite:///"):
        return SQLiteEngine(url.removeprefix("sqlite:///"))
    if url.startswith(("postgres://", "postgresql://")):
        return PostgresEngine(url)
    raise ValueError(f"a database address starts with sqlite:/// or postgres://, not {url[:20]!r}")
