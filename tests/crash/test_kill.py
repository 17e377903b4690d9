"""Servers are killed in the middle of pushes, again and again: what they had answered is there afterwards, once."""

import asyncio

import pytest

from tests.crash.house import Field, survives


async def storm(field: Field, kills: int, answers: int) -> None:
    for number in range(kills):
        await field.answers(field.chance.randint(1, answers))
        for _ in range(field.chance.randint(0, 40)):  # somewhere between two answers
            await asyncio.sleep(0)
        which = number % len(field.house.ports)
        field.house.kill(which)
        await asyncio.to_thread(field.house.start, which)


def test_what_was_answered_is_there_once_after_a_server_was_killed_in_the_middle(build, tmp_path):
    asyncio.run(survives(build(), tmp_path, 4, lambda field: storm(field, 3, 60)))


@pytest.mark.long
def test_what_was_answered_is_there_once_after_sixty_kills_under_twenty_phones(build, tmp_path):
    asyncio.run(survives(build(), tmp_path, 20, lambda field: storm(field, 60, 300)))
