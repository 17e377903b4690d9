"""What phones do that an auditor should know of: an id used twice, a copied installation, work a restore has lost."""

from __future__ import annotations

from server.audit.actions import record_event
from sync.incidents import Incident, on_incident


async def note_incident(incident: Incident) -> None:
    await record_event(incident, incident.name, "device", incident.device, incident.details)


def connect() -> None:
    on_incident(note_incident)
