"""Guessing: codes, passwords, keys and links that somebody tries one after the other."""

from datetime import timedelta

import pytest

from server.moment import at, now
from server.settings import settings
from sync.identity import new_id
from tests.server.conftest import PASSWORD, knock
from tests.server.fieldwork import CODES

pytestmark = pytest.mark.anyio


def guess(client, code: str):
    return client.post("/sync/v1/enrol", json={"code": code, "incarnation": "a stranger's"})


async def test_enrolment_codes_can_be_guessed_only_so_often_and_right_ones_are_not_counted(donghu):
    from server.devices.actions import offer_enrolment

    start = now()
    with at(start):
        for _ in range(settings.wrong_codes_per_minute):
            wrong = await guess(donghu.door, "WRONGWRONGWR")
            assert (wrong.status_code, wrong.json()["code"]) == (403, "enrol.code_invalid")
        code = (await offer_enrolment(donghu.system, "zhou")).code
        stopped = await guess(donghu.door, code)
        assert (stopped.status_code, stopped.json()["code"]) == (429, "enrol.too_often")
        assert 0 < int(stopped.headers["retry-after"]) <= 60
    with at(start + timedelta(minutes=2)):
        for _ in range(settings.wrong_codes_per_minute + 5):
            assert (await guess(donghu.door, code)).status_code == 200  # the same phone, whose answer was lost


async def test_an_enrolment_code_works_for_one_phone_and_not_for_ever(donghu):
    from server.devices.actions import offer_enrolment

    code = (await offer_enrolment(donghu.system, "zhou")).code
    assert (await guess(donghu.door, code)).status_code == 200
    second = await donghu.door.post("/sync/v1/enrol", json={"code": code, "incarnation": "another"})
    assert (second.status_code, second.json()["code"]) == (403, "enrol.code_invalid")
    late = (await offer_enrolment(donghu.system, "zhou")).code
    with at(now() + timedelta(hours=settings.enrolment_hours, seconds=1)):
        assert (await guess(donghu.door, late)).status_code == 403


async def signed_in(donghu, login: str, password: str):
    return await donghu.door.post("/v1/session", json={"login": login, "password": password})


async def test_a_one_time_password_opens_nothing_but_its_own_change(donghu):
    made = await donghu.chen.client.post(
        "/v1/persons", json={"login": "xin", "name": "新来", "unit": "sme", "roles": ["dispatcher"]}
    )
    once = made.json()["one_time_password"]
    token = (await signed_in(donghu, "xin", once)).json()["token"]
    async with knock(token) as desk:
        for path in ("/v1/issues", "/v1/session/../issues", "/v1/sessions", "/v1/units"):
            refused = await desk.get(path)
            assert refused.status_code in (403, 404), path
        assert (await desk.put("/v1/session/password", json={"old": once, "new": once})).status_code == 422
        weak = await desk.put("/v1/session/password", json={"old": once, "new": "12345678"})
        assert (weak.status_code, weak.json()["code"]) == (422, "password.weak")
        assert (await desk.get("/v1/issues")).status_code == 403
        assert (await desk.put("/v1/session/password", json={"old": once, "new": PASSWORD})).status_code == 204
        assert (await desk.get("/v1/issues")).status_code == 200
    assert (await signed_in(donghu, "xin", once)).status_code == 401


async def test_the_password_in_force_is_not_guessed_through_its_change(donghu):
    """A stolen session must not be a way around the lock."""
    made = await donghu.chen.client.post(
        "/v1/persons", json={"login": "xin", "name": "新来", "unit": "sme", "roles": ["dispatcher"]}
    )
    token = (await signed_in(donghu, "xin", made.json()["one_time_password"])).json()["token"]
    async with knock(token) as desk:
        answers = [
            await desk.put("/v1/session/password", json={"old": f"Guess-{n}!", "new": PASSWORD})
            for n in range(settings.login_failures_max + 1)
        ]
    assert [answer.status_code for answer in answers] == [401] * settings.login_failures_max + [429]
    locked = await signed_in(donghu, "xin", made.json()["one_time_password"])
    assert (locked.status_code, locked.json()["code"]) == (401, "session.wrong")


async def test_a_locked_login_reads_like_a_wrong_password_and_like_none(donghu):
    made = {"login": "xin", "name": "新来", "unit": "sme", "roles": ["dispatcher"]}
    password = (await donghu.chen.client.post("/v1/persons", json=made)).json()["one_time_password"]
    wrong = [await signed_in(donghu, "xin", "guess") for _ in range(settings.login_failures_max)]
    locked, nobody = await signed_in(donghu, "xin", password), await signed_in(donghu, "nobody", "guess")
    told = {
        (answer.status_code, *sorted((k, v) for k, v in answer.json().items() if k != "request_id"))
        for answer in (*wrong, locked, nobody)
    }
    assert len(told) == 1
    with at(now() + timedelta(minutes=settings.login_lock_minutes, seconds=1)):
        assert (await signed_in(donghu, "xin", password)).status_code == 201


async def test_passwords_are_guessed_from_one_address_only_so_often_whatever_the_login(donghu):
    start = now()
    with at(start):
        for n in range(settings.wrong_passwords_per_minute):
            assert (await signed_in(donghu, f"nobody-{n}", "guess")).status_code == 401
        stopped = await signed_in(donghu, "lin", "guess")
        assert (stopped.status_code, stopped.json()["code"]) == (429, "session.too_often")
        assert 0 < int(stopped.headers["retry-after"]) <= 60
    with at(start + timedelta(minutes=2)):
        assert (await signed_in(donghu, "lin", "guess")).status_code == 401


async def test_a_key_of_one_person_gives_nobody_else_the_answer(donghu):
    headers = {"Idempotency-Key": "the same"}
    body = {"words": "按钮太小"}
    first = (await donghu.lin.client.post("/v1/feedback", json=body, headers=headers)).json()
    other = (await donghu.he.client.post("/v1/feedback", json=body, headers=headers)).json()
    again = (await donghu.lin.client.post("/v1/feedback", json=body, headers=headers)).json()
    assert first == again
    assert (other["id"] != first["id"], other["person"]) == (True, str(donghu.he.id))


async def test_a_signed_out_or_forged_session_opens_nothing(donghu):
    token = donghu.lin.client.headers["authorization"].partition(" ")[2]
    for forged in (token[:-1], token + "A", token.upper(), "qfs_", "qfs_" + "A" * 100_000, str(new_id())):
        async with knock(forged) as stranger:
            assert (await stranger.get("/v1/issues")).status_code == 401
    assert (await donghu.lin.client.delete("/v1/session")).status_code == 204
    assert (await donghu.lin.client.get("/v1/issues")).status_code == 401


async def test_what_enterprises_are_called_is_no_formula_in_the_report_of_an_import(donghu):
    lines = '企业名称,统一社会信用代码\n=HYPERLINK("http://x"),错\n@SUM(1),错\n+1,错\n'
    answer = await donghu.sun.client.post(
        "/v1/enterprises/import", params={"report": "csv", "dry_run": "true"}, content=lines.encode()
    )
    assert answer.status_code == 200
    cells = [cell.strip('"') for line in answer.text.splitlines()[1:] for cell in line.split(",")]
    assert not [cell for cell in cells if cell[:1] in ("=", "@", "+")], answer.text


async def test_what_enterprises_are_called_reaches_forms_as_it_is_written(donghu):
    """A choice list is for machines: an escape would become part of the name."""
    from server.enterprises.actions import NewEnterprise, add_enterprise

    await add_enterprise(donghu.system, NewEnterprise(name="+86科技(东湖)", credit_code=CODES[0]))
    listed = (await donghu.sun.client.get("/v1/lists/enterprises.csv")).text
    assert ",+86科技(东湖)," in listed
