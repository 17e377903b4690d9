"""What phones see of campaigns: for each enterprise in their care, whether it is still to be asked, and by when."""

from __future__ import annotations

from uuid import UUID

import msgspec

from server.campaigns.actions import SLOT_KIND
from server.campaigns.tables import OPEN
from server.enterprises.actions import enterprise_scope
from sync.bulk import among, ids
from sync.operations import Kind, register_kind
from sync.transaction import fetch


async def load(bureau: UUID, slots: list[UUID]) -> dict[UUID, bytes]:
    found = await fetch(
        "SELECT slot.id, slot.enterprise, slot.state, slot.via, slot.filled_at, slot.reason, campaign.id AS campaign,"
        " campaign.name AS campaign_name, campaign_round.n, campaign_round.form_id AS form, form_version.version,"
        " campaign_round.opens_on, campaign_round.closes_on FROM slot"
        " JOIN campaign_round ON campaign_round.id = slot.round JOIN campaign ON campaign.id = campaign_round.campaign"
        " JOIN form_version ON form_version.id = campaign_round.form_version"
        f" WHERE slot.bureau = $1 AND slot.id {among(2)}",
        [bureau, ids(slots)],
    )
    return {row["id"]: msgspec.json.encode(dict(row)) for row in found}


async def scopes(bureau: UUID, slots: list[UUID]) -> dict[UUID, set[str]]:
    """Slots of a closed round leave the phones."""
    found = await fetch(
        "SELECT slot.id, slot.enterprise FROM slot JOIN campaign_round ON campaign_round.id = slot.round"
        f" WHERE slot.bureau = $1 AND campaign_round.state = $3 AND slot.id {among(2)}",
        [bureau, ids(slots), OPEN],
    )
    return {row["id"]: {enterprise_scope(row["enterprise"])} for row in found}


def connect() -> None:
    register_kind(Kind(name=SLOT_KIND, load=load, scopes=scopes, priority=1))
