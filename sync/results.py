"""What a phone is told about each operation, kept so that a question asked twice gets the same answer."""

from collections.abc import Iterable
from datetime import timedelta
from uuid import UUID

import msgspec

from sync.configuration import now
from sync.operations import Outcome
from sync.transaction import execute, executemany
from sync.wire import Result

RESULTS_KEPT_FOR = timedelta(days=45)
_decoder = msgspec.json.Decoder(Result)


def result_of(id: UUID, outcome: Outcome, quarantine_id: UUID | None = None) -> Result:
    return Result(
        id=id,
        status=outcome.status,  # type: ignore[arg-type]
        code=outcome.code,
        path=outcome.path,
        message=outcome.zh,
        message_en=outcome.en,
        details=outcome.details,
        conflict_id=outcome.conflict_id,
        quarantine_id=quarantine_id or outcome.quarantine_id,
    )


def repeated(id: UUID, status: str, stored: str | None) -> Result:
    """The first result again. A plain "applied" is stored as nothing; so is a result the phone has long acknowledged."""
    result = _decoder.decode(stored) if stored else Result(id=id, status=status)  # type: ignore[arg-type]
    result.duplicate = True
    return result


def is_plain(result: Result) -> bool:
    return result.status == "applied" and result.details is None


async def store_results(bureau: UUID, results: Iterable[Result]) -> None:
    """Put these results in the place of those stored with their operations."""
    lines = [
        [bureau, one.id, one.status, None if is_plain(one) else msgspec.json.encode(one).decode()] for one in results
    ]
    if lines:
        await executemany("UPDATE sync_operation SET status = $3, result = $4 WHERE bureau = $1 AND id = $2", lines)


async def forget_results(bureau: UUID) -> None:
    """Drop result bodies the phones have acknowledged and that are older than 45 days; ids and hashes stay for ever."""
    await execute(
        "UPDATE sync_operation SET result = NULL WHERE bureau = $1 AND result IS NOT NULL AND received_at < $2"
        " AND n <= (SELECT acked FROM sync_device"
        " WHERE sync_device.bureau = $1 AND sync_device.id = sync_operation.device)",
        [bureau, now() - RESULTS_KEPT_FOR],
    )
