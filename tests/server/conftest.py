"""The cast everyone knows, in a small Donghu bureau, and a client that knocks on the real door.

chen administers · zhou is a commissioner · lin dispatches · he handles at the finance centre · wu reviews there ·
sun supervises · qian calls back. Their one-time passwords are already changed.
"""

from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import httpx
import pytest
from msgspec import Struct

UNITS = [
    ("sme", "区中小企业服务局", "department"),
    ("finance", "区金融服务中心", "department"),
    ("hr", "区人社局", "department"),
    ("bayi", "八一桥街道办", "street"),
]
CAST = [
    ("chen", "陈管", "donghu", ["admin"]),
    ("zhou", "周访", "bayi", ["commissioner"]),
    ("lin", "林派", "sme", ["dispatcher"]),
    ("he", "何办", "finance", ["handler"]),
    ("wu", "吴审", "finance", ["reviewer"]),
    ("sun", "孙督", "donghu", ["supervisor"]),
    ("qian", "钱访", "donghu", ["callback_officer"]),
]
PASSWORD = "Visit-2026!"


class Member(Struct):
    """One of the cast: `actor()` for actions, `client` for the HTTP door."""

    id: UUID
    bureau: UUID
    login: str
    client: httpx.AsyncClient

    async def actor(self) -> Any:
        from server.people.actions import load_actor

        return await load_actor(self.bureau, self.id)


class Cast(Struct):
    bureau: UUID
    system: Any
    members: dict[str, Member]
    door: httpx.AsyncClient

    def __getattr__(self, name: str) -> Member:
        try:
            return self.members[name]
        except KeyError:
            raise AttributeError(name) from None


def knock(token: str = "") -> httpx.AsyncClient:
    from server.app import app

    headers = {"Authorization": f"Bearer {token}"} if token else {}
    return httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://qifang.test", headers=headers)


async def found(code: str, name: str, region: str) -> Cast:
    """A bureau with its units and everybody signed in."""
    from server.people.actions import NewPerson, NewUnit, add_person, add_unit, found_bureau
    from server.people.tables import Person
    from server.sessions.actions import open_session_of

    system = await found_bureau(code, name, region)
    for unit, unit_name, kind in UNITS:
        await add_unit(system, NewUnit(code=unit, name=unit_name, kind=kind))
    members = {}
    for login, person, unit, roles in CAST:
        at = code if unit == "donghu" else unit
        added = await add_person(system, NewPerson(login=login, name=person, unit=at, roles=tuple(roles)))
        token = await open_session_of(system.bureau, added.id)
        members[login] = Member(added.id, system.bureau, login, knock(token))
    await Person.update({Person.must_change_password: False}, force=True)
    return Cast(system.bureau, system, members, knock())


async def go_home(cast: Cast) -> None:
    from server.phones import pulls, pushes, wrong_codes
    from server.sessions.handlers import wrong_passwords

    for counted in (pulls, pushes, wrong_codes):
        counted.cache_clear()
    wrong_passwords.cache_clear()
    for member in cast.members.values():
        await member.client.aclose()
    await cast.door.aclose()


@pytest.fixture
async def donghu(product: None) -> AsyncIterator[Cast]:
    cast = await found("donghu", "东湖区中小企业服务局", "360102")
    yield cast
    await go_home(cast)
