"""What the simulation found, each told again as short as it can be."""

from uuid import UUID

import pytest
from town import note
from toy import LI, move_note

from sync.devices import revoke_device
from sync.feed import collect_tombstones
from sync.phone import Answered
from sync.pull import read_head
from sync.transaction import transaction

pytestmark = pytest.mark.anyio


async def test_rule_22_a_revoked_phone_with_work_to_send_drops_what_it_was_shown(town):
    """It sends before it receives, so the pull that told it to wipe was never made."""
    await town.watch("a", LI)
    await town.desk_note("a", "shown")
    li = await town.phone()
    await li.pull()
    note(li, "unsent")
    await revoke_device(town.bureau, UUID(li.device))
    with pytest.raises(Answered):
        await li.sync()
    assert li.rows("note") == {}
    assert len(li.unsent()) == 1


async def test_rule_18_a_digest_is_not_remembered_beyond_a_collection_of_tombstones(town):
    """What moved last in a scope may be a tombstone; without it the scope seemed to stand where it had stood before."""
    await town.watch("a", LI)
    leaves = await town.desk_note("a", "leaves")
    await town.desk_note("a", "stays")
    li = await town.phone()
    await li.pull()
    assert await li.check() == []
    async with transaction():
        await move_note(town.bureau, leaves, "b")
    await collect_tombstones(town.bureau, (await read_head(town.bureau)).n)
    await li.pull()
    assert await li.check() == []
