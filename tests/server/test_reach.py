"""Nothing crosses bureaus, nobody does what their role may not: every address of the route table, every role."""

import re
from typing import Any
from uuid import UUID

import pytest

from server.people.roles import ROLES
from sync.identity import new_id
from sync.transaction import fetch
from tests.server.addresses import Address, addresses, smallest
from tests.server.conftest import Cast, Member, found, go_home, knock
from tests.server.fieldwork import phone
from tests.server.full_bureau import contents, fill, plain

pytestmark = pytest.mark.anyio

ANY_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
NAMED_BY_WORDS = {
    "pools",
    "forms",
    "versions",
    "media",
    "rounds",
    "boards",
    "labels",
    "categories",
    "clock-policies",
    "paper-templates",
}
"""Collections whose members are no UUIDs: both bureaus may have one of the same name."""
FIELDS = {"into": "enterprises", "person": "persons", "persons": "persons", "recorder": "persons", "id": "visits"}
"""Whose id a field of a body holds, where its name is not the collection's."""
SIGNING_OUT = "/v1/session"
"""Writes nothing but one's own session, and ends the walk."""


async def employ(cast: Cast, login: str, roles: tuple[str, ...]) -> Member:
    from server.people.actions import NewPerson, add_person
    from server.people.tables import Person
    from server.sessions.actions import open_session_of

    root = (await fetch("SELECT code FROM unit WHERE bureau = $1 AND parent IS NULL", [plain(cast.bureau)]))[0][0]
    added = await add_person(cast.system, NewPerson(login=login, name=login, unit=root, roles=roles))
    await Person.update({Person.must_change_password: False}, force=True)
    return Member(added.id, cast.bureau, login, knock(await open_session_of(cast.bureau, added.id)))


async def everyone(cast: Cast) -> dict[str, Member]:
    """One person of each role there is, grown from the table of roles."""
    return {role: await employ(cast, f"one-{role}", (role,)) for role in ROLES}


async def ask(member: Any, address: Address, path: str, body: Any = None, **query: str) -> Any:
    headers = {"Tus-Resumable": "1.0.0"} if path.startswith("/files") else {}
    params = {"since": "1", "first": "2026-01-01", "last": "2026-01-31", **query}  # what some lists cannot do without
    if address.body is None:
        return await member.request(address.method, path, params=params, headers=headers)
    return await member.request(address.method, path, params=params, headers=headers, json=body)


def about(known: dict[str, Any]) -> dict[str, str]:
    """Lists filtered by something of the other bureau's."""
    return {"enterprise": str(known["enterprises"]), "record": str(known["records"]), "person": str(known["persons"])}


def ids_at(address: Address, known: dict[str, Any]) -> dict[str, Any]:
    """An id for each parameter; a collection nobody has thought of yet is asked for by an id of any row."""
    return {name: known.get(collection, known["records"]) for collection, name in address.parameters}


def body_with(address: Address, known: dict[str, Any]) -> Any:
    return None if address.body is None else smallest(address.body, lambda field: id_named(field, known))


def id_named(field: str, known: dict[str, Any]) -> Any:
    return known.get(FIELDS.get(field, f"{field.removesuffix('s')}s"), known["records"])


def uuids_in(rows: dict[str, list[bytes]]) -> set[str]:
    return {found for lines in rows.values() for line in lines for found in ANY_UUID.findall(line.decode())}


@pytest.fixture
async def two_bureaus(product: None) -> Any:
    """Donghu and Xihu, both with something in every drawer."""
    donghu = await found("donghu", "东湖区中小企业服务局", "360102")
    xihu = await found("xihu", "西湖区中小企业服务局", "360103")
    yield donghu, await fill(donghu), xihu, await fill(xihu)
    await go_home(donghu)
    await go_home(xihu)


async def test_without_a_token_every_address_answers_401_but_those_that_say_so(donghu):
    nobody = {"enterprises": new_id(), "records": new_id(), "rounds": 1, "c": "x"}
    closed = [address for address in addresses() if not address.is_open]
    assert len(closed) > 100
    for address in closed:
        for client in (donghu.door, knock("qfs_forged"), knock("forged")):
            answer = await ask(client, address, address.at(ids_at(address, nobody)), {})
            assert answer.status_code == 401, address
            if address.method != "HEAD":
                assert answer.headers["content-type"].startswith("application/problem+json"), address
                assert answer.json()["code"] in ("session.required", "device.unknown"), address


async def test_no_reader_of_one_bureau_is_shown_a_row_of_another(two_bureaus):
    donghu, ours, xihu, theirs = two_bureaus
    strange = uuids_in(await contents(xihu.bureau)) - uuids_in(await contents(donghu.bureau))
    seen = 0
    for role, member in (await everyone(donghu)).items():
        for address in (one for one in addresses() if not one.writes and not one.is_open):
            collections = [collection for collection, _ in address.parameters]
            path = address.at(ids_at(address, theirs))
            answer = await ask(member.client, address, path)
            told = f"{role} {address} {answer.status_code} {answer.text[:300]}"
            assert answer.status_code < 500, told
            if set(collections) - NAMED_BY_WORDS:
                assert answer.status_code in (403, 404), told
            asked = ANY_UUID.findall(path)  # a refusal may name what it was asked for
            assert not strange.intersection(ANY_UUID.findall(answer.text)).difference(asked), told
            filtered = await ask(member.client, address, address.at(ids_at(address, ours)), **about(theirs))
            own = await ask(member.client, address, address.at(ids_at(address, ours)))
            seen += own.status_code == 200
            for shown in (own, filtered):
                assert shown.status_code < 500, f"{role} {address} {shown.text[:300]}"
                assert not strange.intersection(ANY_UUID.findall(shown.text)), f"{role} {address} {shown.text[:300]}"
    assert seen > 150, "the walk must have been shown something, or it proves nothing"


async def test_no_writer_of_one_bureau_changes_a_row_of_another(two_bureaus):
    donghu, ours, xihu, theirs = two_bureaus
    before = await contents(xihu.bureau)
    for role, member in (await everyone(donghu)).items():
        for address in (one for one in addresses() if one.writes and not one.is_open and one.path != SIGNING_OUT):
            path, body = address.at(ids_at(address, theirs)), body_with(address, theirs)
            answer = await ask(member.client, address, path, body)
            told = f"{role} {address} {body} {answer.status_code} {answer.text[:300]}"
            assert answer.status_code < 500, told
            names_a_row = {collection for collection, _ in address.parameters} - NAMED_BY_WORDS
            if names_a_row:
                assert answer.status_code in (400, 403, 404, 405, 409, 415, 422), told
            if address.parameters and body:  # our own row, their ids inside
                mixed = await ask(member.client, address, address.at(ids_at(address, ours)), body)
                assert mixed.status_code < 500, f"{role} {address} {body} {mixed.text[:300]}"
    after = await contents(xihu.bureau)
    assert {name for name in before if before[name] != after[name]} == set()


async def test_who_lacks_the_permission_an_address_names_is_refused_by_it(two_bureaus):
    donghu, ours, _, _ = two_bureaus
    members = await everyone(donghu)
    stranger = await employ(donghu, "one-without-a-role", ())
    known = frozenset().union(*ROLES.values())
    needed = {}
    for address in (one for one in addresses() if one.writes and not one.is_open and one.path != SIGNING_OUT):
        path, body = address.at(ids_at(address, ours)), body_with(address, ours)
        for person in (stranger, *members.values()):
            empty = await ask(person.client, address, path, {})
            assert empty.status_code < 500, f"{person.login} {address} {empty.text[:300]}"
        answer = await ask(stranger.client, address, path, body)
        told = f"{address} {answer.status_code} {answer.text[:300]}"
        if answer.status_code == 403 and answer.json()["code"] == "permission.missing":
            needed[address] = answer.json()["details"]["permission"]
            assert needed[address] in known, told
    for address, permission in needed.items():
        path, body = address.at(ids_at(address, ours)), body_with(address, ours)
        for role, member in members.items():
            if permission not in ROLES[role]:
                answer = await ask(member.client, address, path, body)
                told = f"{role} {address} {answer.status_code} {answer.text[:300]}"
                assert (answer.status_code, answer.json()["code"]) == (403, "permission.missing"), told
    assert len(needed) > 50


async def test_no_phone_of_one_bureau_changes_a_row_of_another_or_is_sent_one(two_bureaus):
    from docs.reference import product_operations
    from sync.operations import kinds, operation_of

    donghu, _, xihu, theirs = two_bureaus
    before = await contents(xihu.bureau)
    strange = uuids_in(before) - uuids_in(await contents(donghu.bureau))
    device = await phone(donghu, donghu.zhou)
    targets = sorted({UUID(str(id)) for id in theirs.values() if ANY_UUID.fullmatch(str(id))})
    for name in product_operations():
        for target in targets:
            device.do(name, target, smallest(operation_of(name).args, lambda field: id_named(field, theirs)))
    results = await device.push()
    assert len(results) > 100
    await device.pull()
    held = {str(id) for kind in kinds() for id in device.rows(kind.name)}
    assert held
    assert not strange.intersection(held)
    after = await contents(xihu.bureau)
    assert {name for name in before if before[name] != after[name]} == set()
    await device.client.aclose()
