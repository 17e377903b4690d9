"""What an Open311 client said beside the report itself."""

from __future__ import annotations

from piccolo.columns import UUID, DoublePrecision, Text
from piccolo.table import Table


class Open311Request(Table, tablename="open311_request"):
    """`id` is the report's own. The place of a report is its enterprise; an address or a point that came with it is kept as told,
    and so is the address of a picture, which nobody here fetches."""

    id = UUID(primary_key=True, default=None)
    bureau = UUID()
    account = UUID()
    """The person whose key it came by."""
    number = Text(default="")
    """Its number in the client's own system."""
    digest = Text(default="")
    """Of all that was sent, to tell a repetition from other words under the same number."""
    address = Text(default="")
    address_id = Text(default="")
    lat = DoublePrecision(null=True, default=None)
    long = DoublePrecision(null=True, default=None)
    media_url = Text(default="")
    device_id = Text(default="")
    account_id = Text(default="")
