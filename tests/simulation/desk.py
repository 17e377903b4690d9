"""What a desk writes, by name, so that it can be written in another process as well as here."""

from collections.abc import Awaitable, Callable
from uuid import UUID

from sync.feed import touch
from sync.scopes import grant, revoke
from sync.stamps import stamp_fields
from sync.transaction import execute, retrying, transaction
from tests.simulation import world

ZHAO = UUID(int=3)
"""Who sits there."""


async def edit_note(bureau: UUID, id: UUID, field: str, value: str) -> None:
    await execute(f"UPDATE sim_note SET {field} = $2 WHERE id = $1", [id, value])
    await stamp_fields(bureau, "note", id, [field], hand=str(ZHAO), person=ZHAO)


async def touch_note(bureau: UUID, id: UUID) -> None:
    touch(bureau, "note", id)


async def give(bureau: UUID, person: UUID, scope: str) -> None:
    grant(bureau, person, scope)


async def take(bureau: UUID, person: UUID, scope: str) -> None:
    revoke(bureau, person, scope)


WORKS: dict[str, Callable[..., Awaitable[None]]] = {
    work.__name__: work for work in (world.add_note, world.move_note, edit_note, touch_note, give, take)
}


async def at_desk(name: str, bureau: UUID, id: UUID, texts: list[str]) -> None:
    """One of WORKS, in a transaction of its own."""

    async def together() -> None:
        async with transaction():
            await WORKS[name](bureau, id, *texts)

    await retrying(together)
