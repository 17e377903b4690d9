"""What a record says about the enterprise itself goes into its dossier, so that nobody is asked for it again (只提交一次).

A form declares it with the dataset `enterprises` of its entities sheet. Only the record's own enterprise is written, only fields a
phone may patch, and never over what somebody changed after the enterprise was asked. What does not fit stays in the record.
"""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from forms.entities import extract
from server.audit.actions import record_event
from server.enterprises.actions import KIND, change_enterprise
from server.enterprises.fields import CONTACT_FIELDS, DESK_ONLY, FACTS, TEXT_FIELDS, read_value
from server.people.actor import Actor
from server.records.submission import SubmittedRecord
from sync.refusal import Refusal
from sync.transaction import fetch, transaction

DATASET = "enterprises"
WRITABLE = frozenset({*TEXT_FIELDS, *CONTACT_FIELDS, *FACTS}) - DESK_ONLY


async def follow_records(actor: Actor, submitted: list[SubmittedRecord]) -> None:
    for record in submitted:
        values = _values_of(record)
        if record.enterprise is None or not values:
            continue
        newer = await _changed_since(record.bureau, record.enterprise, record.collected_at)
        values = {name: value for name, value in values.items() if name not in newer}
        if values:
            await _write(actor, record, values)


def _values_of(record: SubmittedRecord) -> dict[str, str]:
    evaluation = record.judgement.evaluation
    if evaluation is None or not any(one.dataset == DATASET for one in evaluation.compiled.form.entities):
        return {}
    values: dict[str, str] = {}
    for change in extract(evaluation, str(record.id)):
        if change.dataset == DATASET and change.entity_id == str(record.enterprise):
            values |= {name: value for name, value in change.properties.items() if value}
    fitting = {name: value for name, value in values.items() if name in WRITABLE}
    return {name: value for name, value in fitting.items() if read_value(name, value)[1] is None}


async def _changed_since(bureau: UUID, enterprise: UUID, asked_at: datetime) -> set[str]:
    """Fields that somebody changed after the enterprise was asked: a record from a phone that was long offline is older news."""
    rows = await fetch(
        "SELECT field, at FROM sync_field WHERE bureau = $1 AND kind = $2 AND id = $3", [bureau, KIND, enterprise]
    )
    return {row["field"] for row in rows if row["at"] > asked_at}


async def _write(actor: Actor, record: SubmittedRecord, values: dict[str, str]) -> None:
    assert record.enterprise is not None
    try:
        async with transaction():
            await change_enterprise(actor, record.enterprise, values)
    except Refusal as refused:
        # The record stands whatever becomes of the dossier; who looks for the reason finds it in the audit chain.
        await record_event(actor, "enterprise.unchanged", KIND, record.enterprise, {"code": refused.code})
