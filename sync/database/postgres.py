"""PostgreSQL on a pool, behind Piccolo's interface: connects on use, one pool per event loop, no connection lost."""

import asyncio
import weakref
from typing import Any

import asyncpg
from piccolo.engine.postgres import PostgresEngine as StockPostgresEngine

from sync.transaction import OpenTransaction, transaction_on

POOL_CONNECTIONS_MAX = 16
OUTAGES = ("08", "53", "57P", "58")
"""Classes of SQLSTATE: connection lost, resources (a full disk), the server stopping or starting, its system failing."""
SESSION = {
    "server_settings": {"random_page_cost": "1.1"},  # disks without a seek: prefer the index early
    "max_cached_statement_lifetime": 20,  # seconds; a plan made on a young table must not outlive its youth
}


class PostgresEngine(StockPostgresEngine):
    """Piccolo's engine, with transactions of our own: stock ones lose the connection when a commit fails."""

    def __init__(self, url: str) -> None:
        self.pools: weakref.WeakKeyDictionary[Any, Any] = weakref.WeakKeyDictionary()
        super().__init__(config={"dsn": url, **SESSION})
        self.current_transaction = OpenTransaction(f"postgres_transaction_{id(self)}")  # type: ignore[assignment]

    @property
    def pool(self) -> Any:  # type: ignore[override]
        try:
            return self.pools.get(asyncio.get_running_loop())
        except RuntimeError:
            return None

    @pool.setter
    def pool(self, value: Any) -> None:
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            return
        if value is None:
            self.pools.pop(loop, None)
        else:
            self.pools[loop] = value

    async def check_version(self) -> None:
        """Say nothing and connect to nothing at import."""

    async def start(self, *, max_size: int = POOL_CONNECTIONS_MAX) -> None:
        """Start this event loop's pool; without one every statement opens a connection."""
        if self.pool is None:
            await self.start_connection_pool(min_size=1, max_size=max_size, reset=_leave_transaction)

    async def close(self) -> None:
        if self.pool is not None:
            await self.close_connection_pool()

    async def acquire(self, readonly: bool) -> Any:
        pool = self.pool
        return await (self.get_new_connection() if pool is None else pool.acquire())

    async def release(self, connection: Any) -> None:
        pool = self.pool
        if pool is None or not hasattr(connection, "_holder"):
            await connection.close()
        else:
            await pool.release(connection)

    def begin_statement(self, isolation: str | None, readonly: bool) -> str:
        level = isolation or ("repeatable read" if readonly else "read committed")
        return f"BEGIN ISOLATION LEVEL {level.upper()} {'READ ONLY' if readonly else 'READ WRITE'}"

    def hasten(self, connection: Any, brisk: bool) -> None:
        """Nothing to gain: the work is another process's."""

    async def commit(self, connection: Any) -> None:
        tag = await connection.execute("COMMIT")
        if tag == "ROLLBACK":
            raise RuntimeError("a statement failed earlier in this transaction and its error was swallowed")

    async def rollback(self, connection: Any) -> None:
        if not _is_cut(connection) and connection.is_in_transaction():
            await connection.execute("ROLLBACK")

    def is_outage(self, error: BaseException) -> bool:
        state = getattr(error, "sqlstate", None) or ""
        # An InternalClientError is what a statement meets on a connection that was told of the shutdown a moment before.
        is_cut = isinstance(error, asyncpg.InternalClientError) or (
            isinstance(error, asyncpg.InterfaceError) and "closed" in str(error)
        )
        return is_cut or state.startswith(OUTAGES) or isinstance(error, ConnectionError | TimeoutError)

    def transaction(self, *args: Any, **options: Any) -> Any:
        return transaction_on(self)


def _is_cut(connection: Any) -> bool:
    """Has the server gone away from it? The pool takes such a connection back by itself, even while it is in use."""
    return getattr(connection, "_con", connection) is None or connection.is_closed()


async def _leave_transaction(connection: Any) -> None:
    """Cheaper than asyncpg's four statements per release; the product sets no session state."""
    if connection.is_in_transaction():
        await connection.execute("ROLLBACK")
