"""The server's clock is moved by hours and years while phones push; some phones' own clocks were never right."""

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.crash.house import Field, survives

LIBRARY = next(iter(sorted(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"))), None)
MOVES = ("-2h", "+400d", "-3d", "+0")
"""In turn, each from the true time."""
WRONG_CLOCKS = (timedelta(days=-2500), timedelta(days=365), timedelta(minutes=-20), timedelta())


@pytest.mark.long
@pytest.mark.skipif(LIBRARY is None, reason="libfaketime, which moves a process's clock, is not installed")
def test_scenarios_26_to_28_what_was_answered_is_there_once_however_the_clocks_jump(build, tmp_path):
    told = tmp_path / "clock"
    told.write_text("+0")
    house = build(
        environment={
            "LD_PRELOAD": str(LIBRARY),
            "FAKETIME_TIMESTAMP_FILE": str(told),
            "FAKETIME_CACHE_DURATION": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        }
    )

    async def jumps(field: Field) -> None:
        for phone, wrong in zip(field.phones, WRONG_CLOCKS, strict=True):
            phone.clock = lambda wrong=wrong: datetime.now(UTC) + wrong
        for number, move in enumerate(MOVES):
            await field.answers(25)
            told.write_text(move)
            which = number % len(house.ports)
            house.kill(which)  # and a process that begins in the wrong year
            await asyncio.to_thread(house.start, which)
        await field.answers(25)

    asyncio.run(survives(house, tmp_path, len(WRONG_CLOCKS), jumps))
