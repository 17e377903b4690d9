"""The registry through the door: codes, temporary ids, reach, assignments, merging, and what phones get of it."""

import csv
import io
from datetime import timedelta
from uuid import UUID

import msgspec
import pytest

from server.enterprises.credit_code import compose
from tests.server.fieldwork import phone

pytestmark = pytest.mark.anyio

HONGMING = {"name": "南昌鸿铭电子科技有限公司", "credit_code": compose("91360102", "MA35HM01")}


async def add(member, **values):
    answer = await member.client.post("/v1/enterprises", json={**HONGMING, **values})
    assert answer.status_code == 201, answer.text
    return answer.json()


async def names_on_phones(donghu) -> dict:
    """What the kinds give a phone, by kind and id."""
    from sync.operations import kind_of
    from sync.transaction import fetch

    found = {}
    for row in await fetch("SELECT kind, id, scope, op FROM sync_feed ORDER BY seq"):
        body = (
            (await kind_of(row["kind"]).load(donghu.bureau, [row["id"]])).get(row["id"]) if row["op"] == "put" else None
        )
        found[row["kind"], str(row["id"]), row["scope"]] = msgspec.json.decode(body) if body else row["op"]
    return found


async def test_a_supervisor_adds_a_firm_and_finds_it_by_name_code_and_reading(donghu):
    made = await add(donghu.sun, status="存续", industry="c39", region="360102", tags=["映山红"])
    assert (made["status"], made["industry"], made["temporary_id"]) == ("active", "C39", None)
    for query in ("鸿铭", made["credit_code"].lower(), "nchm", "nanchanghongming", "hongming", "９１３６０１０２"):
        found = (await donghu.sun.client.get("/v1/enterprises", params={"q": query})).json()["items"]
        assert [row["id"] for row in found] == ([made["id"]] if query != "hongming" else []), query
    for key in (made["id"], made["credit_code"], made["credit_code"].lower()):
        assert (await donghu.sun.client.get(f"/v1/enterprises/{key}")).json()["name"] == HONGMING["name"]


async def test_a_code_is_registered_once_and_a_wrong_one_says_where(donghu):
    made = await add(donghu.sun)
    again = await donghu.sun.client.post("/v1/enterprises", json={**HONGMING, "name": "别名"})
    assert (again.status_code, again.json()["code"]) == (409, "enterprise.exists")
    assert again.json()["details"]["id"] == made["id"]
    wrong = await donghu.sun.client.post("/v1/enterprises", json={"name": "x", "credit_code": "9136O102MA35HM01XX"})
    assert (wrong.status_code, wrong.json()["code"]) == (422, "enterprise.code_invalid")
    assert "第 5 位" in wrong.json()["title"]


async def test_a_firm_without_a_code_gets_a_temporary_id_and_keeps_it_when_the_code_comes(donghu):
    made = await add(donghu.sun, credit_code="")
    assert made["temporary_id"] == "T-DONGHU-000001"
    changes = {"set": {"credit_code": HONGMING["credit_code"]}}
    changed = (await donghu.sun.client.patch(f"/v1/enterprises/{made['id']}", json=changes)).json()
    assert (changed["credit_code"], changed["temporary_id"]) == (HONGMING["credit_code"], "T-DONGHU-000001")
    for key in ("T-DONGHU-000001", HONGMING["credit_code"]):
        assert (await donghu.sun.client.get(f"/v1/enterprises/{key}")).json()["id"] == made["id"]


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"name": " "}, 422, "enterprise.field_invalid"),
        ({"name": "x", "region": "东湖区"}, 422, "enterprise.field_invalid"),
        ({"name": "x", "size": "巨型"}, 422, "enterprise.field_invalid"),
        ({"name": "x", "contact_phone": "无"}, 422, "enterprise.field_invalid"),
        ({"name": "x", "facts": {"Bad Name": 1}}, 422, "enterprise.field_invalid"),
        ({"name": "x" * 201}, 422, "enterprise.field_invalid"),
        ({"name": "x", "colour": "red"}, 400, "request.malformed"),
        ({"name": 3}, 400, "request.malformed"),
    ],
)
async def test_what_does_not_fit_a_field_is_refused_and_nothing_is_kept(donghu, body, status, code):
    answer = await donghu.sun.client.post("/v1/enterprises", json=body)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert (await donghu.sun.client.get("/v1/enterprises")).json()["items"] == []


async def test_the_list_goes_on_where_the_page_ended(donghu):
    for number in range(5):
        await add(donghu.sun, name=f"企业{number % 2}", credit_code="")
    first = (await donghu.sun.client.get("/v1/enterprises", params={"limit": 2})).json()
    second = (await donghu.sun.client.get("/v1/enterprises", params={"limit": 2, "after": first["next"]})).json()
    third = (await donghu.sun.client.get("/v1/enterprises", params={"limit": 2, "after": second["next"]})).json()
    names = [row["name"] for page in (first, second, third) for row in page["items"]]
    assert names == ["企业0", "企业0", "企业0", "企业1", "企业1"]
    assert third["next"] is None
    broken = await donghu.sun.client.get("/v1/enterprises", params={"after": "rubbish"})
    assert (broken.status_code, broken.json()["code"]) == (400, "request.cursor")


async def test_a_commissioner_reaches_only_assigned_firms_and_may_not_keep_the_registry(donghu):
    made = await add(donghu.sun, contact_name="王总", contact_phone="13970812345")
    path = f"/v1/enterprises/{made['id']}"
    assert (await donghu.zhou.client.get(path)).json()["code"] == "enterprise.unknown"
    assert (await donghu.zhou.client.get("/v1/enterprises")).json()["items"] == []
    assert (await donghu.zhou.client.post("/v1/enterprises", json=HONGMING)).status_code == 403
    assert (await donghu.chen.client.get(path)).json()["code"] == "permission.missing"
    masked = (await donghu.lin.client.get(path)).json()["contacts"]
    assert masked == [{"name": "王总", "post": "", "phone": "139****2345", "is_first": True}]
    await donghu.sun.client.post(f"{path}/assignments", json={"person": str(donghu.zhou.id)})
    assert (await donghu.zhou.client.get(path)).json()["contacts"][0]["phone"] == "13970812345"
    assert len((await donghu.zhou.client.get("/v1/enterprises")).json()["items"]) == 1


async def test_another_bureau_does_not_know_the_firm(donghu):
    from server.enterprises.actions import find_by_code, list_enterprises, reach_enterprise
    from server.people.actions import found_bureau
    from sync.refusal import Refusal

    made = await add(donghu.sun)
    stranger = await found_bureau("qingshan", "青山湖区中小企业服务局")
    assert await list_enterprises(stranger, after=None, limit=10) == []
    assert await find_by_code(stranger.bureau, made["credit_code"]) is None
    with pytest.raises(Refusal, match=r"enterprise\.unknown"):
        await reach_enterprise(stranger, made["id"])


async def test_assigning_above_the_cap_warns_and_goes_on(donghu):
    answers = []
    for number in range(6):
        made = await add(donghu.sun, name=f"企业{number}", credit_code="")
        body = {"person": str(donghu.zhou.id)}
        answers.append(await donghu.sun.client.post(f"/v1/enterprises/{made['id']}/assignments", json=body))
    assert [answer.status_code for answer in answers] == [201] * 6
    assert [len(answer.json()["warnings"]) for answer in answers] == [0] * 5 + [1]
    assert answers[-1].json()["warnings"][0]["code"] == "assignment.above_cap"


async def test_an_assignment_is_dated_handed_over_and_its_history_stays(donghu):
    from server.moment import today
    from sync.scopes import scopes_of

    made = await add(donghu.sun)
    path, scope = f"/v1/enterprises/{made['id']}/assignments", f"enterprise:{made['id']}"
    since = str(today() - timedelta(days=30))
    first = (await donghu.sun.client.post(path, json={"person": str(donghu.zhou.id), "since": since})).json()
    assert scope in await scopes_of(donghu.bureau, donghu.zhou.id)
    twice = await donghu.sun.client.post(path, json={"person": str(donghu.zhou.id)})
    assert (twice.status_code, twice.json()["code"]) == (409, "assignment.exists")
    tomorrow = str(today() + timedelta(days=1))
    early = await donghu.sun.client.post(path, json={"person": str(donghu.qian.id), "since": tomorrow})
    assert (early.status_code, early.json()["code"]) == (422, "assignment.dates")

    body = {"person": str(donghu.qian.id), "reason": "轮岗"}
    second = (await donghu.sun.client.post(f"/v1/assignments/{first['id']}/handover", json=body)).json()
    history = (await donghu.sun.client.get(path)).json()
    assert [(row["person"], row["since"], row["until"], row["handed_to"]) for row in history] == [
        (str(donghu.zhou.id), since, str(today()), second["id"]),
        (str(donghu.qian.id), str(today()), None, None),
    ]
    assert scope not in await scopes_of(donghu.bureau, donghu.zhou.id)
    assert scope in await scopes_of(donghu.bureau, donghu.qian.id)

    ended = await donghu.sun.client.delete(f"/v1/assignments/{second['id']}")
    assert (ended.status_code, ended.json()["until"]) == (200, str(today()))
    again = await donghu.sun.client.delete(f"/v1/assignments/{second['id']}")
    assert (again.status_code, again.json()["code"]) == (404, "assignment.unknown")
    assert scope not in await scopes_of(donghu.bureau, donghu.qian.id)
    assert (await donghu.zhou.client.delete(f"/v1/assignments/{second['id']}")).status_code == 403


async def test_a_temporary_firm_is_merged_and_every_old_id_leads_to_the_kept_one(donghu):
    from sync.scopes import scopes_of

    old = await add(donghu.sun, credit_code="", address="八一大道1号", contact_name="李会计", facts={"staff": 40})
    kept = await add(donghu.sun, name="南昌鸿铭电子科技股份有限公司")
    await donghu.sun.client.post(f"/v1/enterprises/{old['id']}/assignments", json={"person": str(donghu.zhou.id)})
    merged = await donghu.sun.client.post(f"/v1/enterprises/{old['id']}/merge", json={"into": kept["id"]})
    assert merged.status_code == 200
    for key in (old["id"], old["temporary_id"], kept["id"]):
        dossier = (await donghu.zhou.client.get(f"/v1/enterprises/{key}")).json()
        assert (dossier["id"], dossier["name"]) == (kept["id"], "南昌鸿铭电子科技股份有限公司")
        assert (dossier["address"], dossier["facts"]["staff"]) == ("八一大道1号", 40)
    assert dossier["contacts"][0]["name"] == "李会计"
    scopes = await scopes_of(donghu.bureau, donghu.zhou.id)
    assert f"enterprise:{kept['id']}" in scopes
    assert f"enterprise:{old['id']}" not in scopes
    assert (await names_on_phones(donghu))["enterprise_name", old["id"], "reference:enterprises"] == "redirect"
    back = await donghu.sun.client.post(f"/v1/enterprises/{kept['id']}/merge", json={"into": old["id"]})
    assert (back.status_code, back.json()["code"]) == (422, "enterprise.merge_self")
    other = await add(donghu.sun, name="另一家", credit_code="")
    coded = await donghu.sun.client.post(f"/v1/enterprises/{kept['id']}/merge", json={"into": other["id"]})
    assert coded.json()["code"] == "enterprise.merge_coded"


@pytest.mark.parametrize("tier", ["", "专精特新"])
async def test_a_merged_firm_stands_on_one_rung(donghu, tier):
    from server.enterprises.tables import EnterpriseTier

    old = await add(donghu.sun, credit_code="", tier="创新型")
    kept = await add(donghu.sun, name="南昌鸿铭电子科技股份有限公司", tier=tier)
    await donghu.sun.client.post(f"/v1/enterprises/{old['id']}/merge", json={"into": kept["id"]})
    rungs = await EnterpriseTier.objects().where(EnterpriseTier.until.is_null())
    assert [(str(row.enterprise), row.tier) for row in rungs] == [(kept["id"], kept["tier"] or old["tier"])]


async def test_phones_get_dossiers_names_and_assignments_in_their_scopes(donghu):
    made = await add(donghu.sun, tier="专精特新", contact_name="王总")
    path = f"/v1/enterprises/{made['id']}"
    given = (await donghu.sun.client.post(f"{path}/assignments", json={"person": str(donghu.zhou.id)})).json()
    await donghu.sun.client.post(
        f"{path}/honours", json={"title": "高新技术企业", "since": "2024-12-01", "until": "2027-12-01"}
    )
    await donghu.sun.client.post(f"{path}/pools", json={"pool": "映山红", "since": "2026-01-01"})
    phones = await names_on_phones(donghu)
    dossier = phones["enterprise", made["id"], f"enterprise:{made['id']}"]
    assert (dossier["tier"], dossier["contacts"][0]["name"]) == ("specialised", "王总")
    assert [row["name"] for row in dossier["honours"] + dossier["pools"]] == ["高新技术企业", "映山红"]
    assert dossier["tiers"][0]["name"] == "specialised"
    name = phones["enterprise_name", made["id"], "reference:enterprises"]
    assert set(name) == {"id", "name", "credit_code", "temporary_id", "pinyin", "status"}
    assert phones["assignment", given["id"], f"person:{donghu.zhou.id}"]["enterprise"] == made["id"]


async def test_who_was_in_a_pool_on_a_past_day_stays_answerable(donghu):
    from datetime import date

    from server.enterprises.dossier.actions import members_on

    made = await add(donghu.sun)
    path = f"/v1/enterprises/{made['id']}/pools"
    await donghu.sun.client.post(path, json={"pool": "培育库", "since": "2026-01-10"})
    twice = await donghu.sun.client.post(path, json={"pool": "培育库"})
    assert (twice.status_code, twice.json()["code"]) == (409, "dossier.in_pool")
    assert (await donghu.sun.client.delete(f"{path}/培育库")).status_code == 204
    assert [str(id) for id in await members_on(donghu.bureau, "培育库", date(2026, 2, 1))] == [made["id"]]
    assert await members_on(donghu.bureau, "培育库", date(2026, 1, 9)) == []


async def test_the_list_for_forms_names_every_firm_by_id_label_and_code(donghu):
    made = await add(donghu.sun)
    answer = await donghu.zhou.client.get("/v1/lists/enterprises.csv")
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert answer.headers["content-type"].startswith("text/csv")
    assert [(row["name"], row["label"], row["credit_code"]) for row in rows] == [
        (made["id"], HONGMING["name"], HONGMING["credit_code"])
    ]
    assert rows[0]["pinyin"].startswith("nchm")


async def test_every_write_leaves_a_trace_without_personal_data(donghu):
    from server.audit.actions import find_break, read_chain

    made = await add(donghu.sun, contact_name="王总", contact_phone="13970812345")
    await donghu.sun.client.patch(f"/v1/enterprises/{made['id']}", json={"set": {"contact_phone": "13970800000"}})
    chain = [row for row in await read_chain(donghu.bureau) if row.event.startswith("enterprise.")]
    assert [row.event for row in chain] == ["enterprise.add", "enterprise.change"]
    assert "139" not in str([row.details for row in chain])
    assert await find_break(donghu.bureau) is None


async def test_a_trace_taken_away_at_the_end_is_noticed(donghu):
    from server.audit.actions import find_break, read_chain
    from server.audit.tables import AuditRow

    await add(donghu.sun)
    last = (await read_chain(donghu.bureau))[-1].n
    await AuditRow.delete().where(AuditRow.n == last)
    assert await find_break(donghu.bureau) == last


async def test_the_tier_keeps_its_history(donghu):
    made = await add(donghu.sun, tier="创新型")
    path = f"/v1/enterprises/{made['id']}"
    await donghu.sun.client.patch(path, json={"set": {"tier": "小巨人"}})
    tiers = (await donghu.sun.client.get(path)).json()["tiers"]
    assert sorted((row["name"], row.get("until") is None) for row in tiers) == [
        ("innovative", False),
        ("little_giant", True),
    ]


async def test_a_commissioner_patches_a_dossier_on_the_road_and_merges_with_the_desk(donghu):
    made = await add(donghu.sun, contact_phone="13970812345", facts={"staff": "40"})
    path, id = f"/v1/enterprises/{made['id']}", UUID(made["id"])
    await donghu.sun.client.post(f"{path}/assignments", json={"person": str(donghu.zhou.id)})
    device = await phone(donghu, donghu.zhou)
    await device.sync()
    assert device.rows("enterprise")[id]["name"] == HONGMING["name"]
    assert [row["enterprise"] for row in device.rows("assignment").values()] == [made["id"]]
    base = device.version("enterprise", id)

    await donghu.sun.client.patch(path, json={"set": {"address": "八一大道1号", "contact_phone": "0791-86220000"}})
    both = {"staff": "55", "contact_phone": "13900000000"}
    patched = device.do(
        "enterprise.patch", id, {"set": both}, base=base, was={"staff": "40", "contact_phone": "13970812345"}
    )
    odd = device.do("enterprise.patch", id, {"set": {"contact_phone": "没有"}}, base=base, was={})
    denied = device.do("enterprise.patch", id, {"set": {"tier": "小巨人"}}, base=base, was={})
    await device.sync()
    assert device.result(patched).status == "conflict"
    assert [(device.result(one).status, device.result(one).code) for one in (odd, denied)] == [
        ("conflict", None),
        ("rejected", "patch.field_unknown"),
    ]
    dossier = device.rows("enterprise")[id]
    assert (dossier["facts"]["staff"], dossier["address"]) == ("55", "八一大道1号")
    assert dossier["contacts"][0]["phone"] == "0791-86220000"
    device.close()


async def test_a_value_that_fits_no_field_waits_in_quarantine_instead_of_spoiling_the_dossier(donghu):
    made = await add(donghu.sun)
    id = UUID(made["id"])
    await donghu.sun.client.post(f"/v1/enterprises/{id}/assignments", json={"person": str(donghu.zhou.id)})
    device = await phone(donghu, donghu.zhou)
    await device.sync()
    done = device.do("enterprise.patch", id, {"set": {"region": "东湖区"}}, was={"region": ""})
    await device.sync()
    assert (device.result(done).status, device.result(done).code) == ("rejected", "enterprise.field_invalid")
    assert device.result(done).quarantine_id is not None
    device.close()


async def test_a_dossier_leaves_the_phone_with_its_assignment_and_a_late_edit_is_kept(donghu):
    made = await add(donghu.sun)
    id = UUID(made["id"])
    given = (
        await donghu.sun.client.post(f"/v1/enterprises/{id}/assignments", json={"person": str(donghu.zhou.id)})
    ).json()
    device = await phone(donghu, donghu.zhou)
    await device.sync()
    assert id in device.rows("enterprise")
    await donghu.sun.client.delete(f"/v1/assignments/{given['id']}")
    late = device.do("enterprise.patch", id, {"set": {"remark": "已搬迁"}}, was={"remark": ""})
    await device.sync()
    assert (device.result(late).status, device.result(late).code) == ("rejected", "patch.out_of_reach")
    assert device.result(late).quarantine_id is not None
    await device.sync()
    assert id not in device.rows("enterprise")
    assert id in device.rows("enterprise_name")
    device.close()
