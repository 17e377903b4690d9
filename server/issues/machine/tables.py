"""What a bureau has otherwise in the machine of its issues, version by version."""

from __future__ import annotations

from uuid import UUID as Id

from piccolo.columns import UUID, Integer, Text, Timestamptz
from piccolo.table import Table

from server.issues.machine.overlay import SHIPPED, Machine, machine_from
from sync.transaction import fetch


class IssueMachine(Table, tablename="issue_machine"):
    """A version, never changed. The newest is in force for every issue, also for one that is on its way."""

    id = UUID(primary_key=True, default=None)
    bureau = UUID()
    version = Integer()
    at = Timestamptz()
    person = UUID()
    reason = Text(default="")
    body = Text()
    """The `Overlay` as JSON."""


async def machine_of(bureau: Id) -> Machine:
    """What is in force now. Raw because every verb and every list asks; read anew each time, because another process may have
    changed it."""
    found = await fetch(
        "SELECT version, body FROM issue_machine WHERE bureau = $1 ORDER BY version DESC LIMIT 1", [bureau]
    )
    return machine_from(found[0]["version"], found[0]["body"]) if found else SHIPPED
