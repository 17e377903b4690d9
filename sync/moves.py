"""Which rows moved since: for what a product remembers of them in memory."""

from uuid import UUID

from sync.feed import heads_of
from sync.operations import kind_of
from sync.transaction import fetch


async def moved_since(
    bureau: UUID, kind: str, epoch: UUID | None, n: int
) -> tuple[UUID | None, int, list[UUID] | None]:
    """Epoch and head now, and which rows of a kind moved after number `n` of that epoch.
    None for the rows when the history is another one, so that everything must be read again. Asked often of a large
    feed, it wants an index on (bureau, seq) for that kind."""
    found = (await heads_of({bureau})).get(bureau)
    if found is None:
        return None, 0, None
    head, now_epoch = found[0], UUID(str(found[1]))
    if now_epoch != epoch or head < n:
        return now_epoch, head, None
    if head == n:
        return now_epoch, head, []
    rows = await fetch(  # the kind stands in the statement: only so the partial index is found
        f"SELECT DISTINCT id FROM sync_feed WHERE bureau = $1 AND seq > $2 AND seq <= $3 AND kind = '{kind_of(kind).name}'",
        [bureau, n, head],
    )
    return now_epoch, head, [UUID(str(row[0])) for row in rows]
