"""What the simulation found, each told again as short as it can be."""

from uuid import UUID

import pytest
from town import note
from toy import LI

from sync.devices import revoke_device
from sync.phone import Answered

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
