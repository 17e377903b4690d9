"""Signing in, one-time passwords, roles: through the door."""

import pytest

from tests.server.conftest import knock

pytestmark = pytest.mark.anyio


async def sign_in(donghu, login: str, password: str, bureau: str = "donghu"):
    return await donghu.door.post("/v1/session", json={"login": login, "password": password, "bureau": bureau})


async def test_a_one_time_password_opens_only_the_way_to_change_it(donghu):
    created = await donghu.chen.client.post(
        "/v1/persons", json={"login": "new", "name": "新人", "unit": "sme", "roles": ["dispatcher"]}
    )
    assert created.status_code == 201
    password = created.json()["one_time_password"]
    opened = (await sign_in(donghu, "new", password)).json()
    assert opened["must_change_password"] is True
    async with knock(opened["token"]) as client:
        refused = await client.get("/v1/units")
        assert (refused.status_code, refused.json()["code"]) == (403, "password.change_required")
        weak = await client.put("/v1/session/password", json={"old": password, "new": "12345678"})
        assert (weak.status_code, weak.json()["code"]) == (422, "password.weak")
        assert (
            await client.put("/v1/session/password", json={"old": password, "new": "Better-2026"})
        ).status_code == 204
        assert (await client.get("/v1/units")).status_code == 200
    assert (await sign_in(donghu, "new", password)).status_code == 401


async def test_five_wrong_passwords_lock_the_account_even_for_the_right_one(donghu):
    for _ in range(5):
        assert (await sign_in(donghu, "lin", "wrong")).status_code == 401
    locked = await sign_in(donghu, "lin", "wrong")
    assert (locked.status_code, locked.json()["code"]) == (401, "session.wrong")


async def test_an_unknown_login_reads_like_a_wrong_password(donghu):
    assert (await sign_in(donghu, "nobody", "x")).json()["code"] == "session.wrong"


async def test_what_a_role_may_not_do_is_403_and_says_which_permission(donghu):
    refused = await donghu.zhou.client.post("/v1/units", json={"code": "x", "name": "x"})
    assert refused.status_code == 403
    assert refused.headers["content-type"] == "application/problem+json"
    assert refused.json()["details"] == {"permission": "unit.write"}


async def test_every_route_needs_a_session_unless_it_says_otherwise(donghu):
    assert (await donghu.door.get("/v1/units")).json()["code"] == "session.required"
    assert (await donghu.door.get("/health")).json()["status"] == "ok"
    assert (await donghu.door.get("/schema/openapi.json")).json()["openapi"].startswith("3.1")


async def test_a_repeated_desk_write_acts_once(donghu):
    body = {"code": "tax", "name": "区税务局"}
    headers = {"Idempotency-Key": "k-1"}
    first = await donghu.chen.client.post("/v1/units", json=body, headers=headers)
    second = await donghu.chen.client.post("/v1/units", json=body, headers=headers)
    assert first.status_code == second.status_code == 201
    assert first.json() == second.json()
    other = await donghu.chen.client.post("/v1/units", json={"code": "tax2", "name": "x"}, headers=headers)
    assert (other.status_code, other.json()["code"]) == (422, "idempotency.reused")


async def test_whoever_never_had_a_password_gets_in_with_a_new_one(donghu):
    from server.people.actions import NewPerson, add_person, reset_password

    new = NewPerson(login="feng", name="冯访", unit="bayi", roles=("commissioner",))
    added = await add_person(donghu.system, new, with_password=False)
    assert added.one_time_password == ""
    for guess in ("", "x"):
        assert (await sign_in(donghu, "feng", guess)).status_code in (400, 401)
    given = await reset_password(donghu.system, "feng")
    opened = await sign_in(donghu, "feng", given.one_time_password)
    assert opened.status_code == 201
    assert opened.json()["must_change_password"] is True


async def test_a_new_password_opens_a_locked_account_and_ends_the_old_one(donghu):
    from server.people.actions import reset_password
    from sync.refusal import Refusal

    old = (await reset_password(donghu.system, "zhou")).one_time_password
    for _ in range(6):
        await sign_in(donghu, "zhou", "wrong")
    assert (await sign_in(donghu, "zhou", old)).json()["code"] == "session.wrong", "locked even for the right one"
    fresh = (await reset_password(donghu.system, "zhou")).one_time_password
    assert (await sign_in(donghu, "zhou", old)).json()["code"] == "session.wrong"
    assert (await sign_in(donghu, "zhou", fresh)).status_code == 201
    assert (await donghu.zhou.client.get("/v1/units")).json()["code"] == "password.change_required"
    with pytest.raises(Refusal, match="person.unknown"):
        await reset_password(donghu.system, "nobody")


async def test_whoever_has_left_gets_in_nowhere_and_the_phone_is_told_to_wipe(donghu):
    from server.people.actions import disable_person
    from tests.server.fieldwork import phone

    device = await phone(donghu, donghu.zhou)
    await disable_person(donghu.system, "zhou")
    refused = await donghu.zhou.client.get("/v1/session")
    assert (refused.status_code, refused.json()["code"]) == (401, "session.required")
    told = await device.client.get("/sync/v1/hello", headers={"Authorization": f"Bearer {device.meta('token')}"})
    assert (told.status_code, told.json()["code"], told.json()["details"]["wipe"]) == (403, "device_revoked", True)
    assert (await sign_in(donghu, "zhou", "Visit-2026!")).json()["code"] == "session.wrong"
    again = await donghu.chen.client.post("/v1/enrolments", json={"login": "zhou"})
    assert again.json()["code"] == "person.unknown"
