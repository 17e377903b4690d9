"""Publishing workbooks: once, whole, for ever; a workbook with mistakes is refused with all of them."""

import hashlib
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.server.workbooks import PULSE, workbook

pytestmark = pytest.mark.anyio


async def publish(client: Any, content: bytes, **headers: str) -> Any:
    return await client.post(
        "/v1/forms", content=content, headers={"Content-Type": "application/octet-stream", **headers}
    )


async def test_a_published_version_answers_with_definition_xform_and_workbook(donghu):
    content = workbook(PULSE)
    published = await publish(donghu.chen.client, content)
    assert published.status_code == 201, published.text
    assert (published.json()["form_id"], published.json()["version"], published.json()["is_new"]) == (
        "pulse",
        "1",
        True,
    )
    version = (await donghu.zhou.client.get("/v1/forms/pulse/versions/1")).json()
    assert [item["name"] for item in version["definition"]["children"]] == ["remark", "staff", "trend"]
    xform = await donghu.zhou.client.get("/v1/forms/pulse/versions/1/xform")
    assert xform.headers["content-type"].startswith("text/xml")
    assert "<h:html" in xform.text
    assert (await donghu.zhou.client.get("/v1/forms/pulse/versions/1/workbook")).content == content


async def test_publishing_the_same_workbook_again_changes_nothing(donghu):
    content = workbook(PULSE)
    first = (await publish(donghu.chen.client, content)).json()
    again = (await publish(donghu.chen.client, content)).json()
    assert again == {**first, "is_new": False}
    form = (await donghu.zhou.client.get("/v1/forms/pulse")).json()
    assert [one["version"] for one in form["versions"]] == ["1"]


async def test_a_version_cannot_be_published_twice_with_different_content(donghu):
    await publish(donghu.chen.client, workbook(PULSE))
    other = await publish(donghu.chen.client, workbook([*PULSE, ("text", "more", "更多", "", "")]))
    assert (other.status_code, other.json()["code"]) == (409, "form.version_exists")


async def test_a_new_version_becomes_current_and_the_old_one_goes_on_answering(donghu):
    await publish(donghu.chen.client, workbook(PULSE))
    await publish(donghu.chen.client, workbook([*PULSE, ("text", "more", "更多", "", "")], version="2"))
    form = (await donghu.zhou.client.get("/v1/forms/pulse")).json()
    assert [(one["version"], one["is_current"]) for one in form["versions"]] == [("2", True), ("1", False)]
    assert (await donghu.zhou.client.get("/v1/forms/pulse/versions/1")).status_code == 200
    changes = (await donghu.zhou.client.get("/v1/forms/pulse/changes", params={"since": "1"})).json()
    assert [(change["kind"], change["path"]) for change in changes] == [("added", ["more"])]
    assert (await donghu.zhou.client.get("/v1/forms/pulse/versions/2")).json()["changes"] == changes


async def test_every_mistake_of_a_workbook_is_named_at_once_and_nothing_is_stored(donghu):
    wrong = [
        *PULSE,
        ("integr", "a", "甲", "", ""),
        ("text", "b", "乙", "", "${nobody} > 1"),
        ("text", "b", "丙", "", ""),
    ]
    refused = await publish(donghu.chen.client, workbook(wrong))
    assert (refused.status_code, refused.json()["code"]) == (422, "form.refused")
    complaints = refused.json()["details"]["complaints"]
    assert {one["row"] for one in complaints} >= {5, 6, 7}
    assert all(one["sheet"] == "survey" and one["zh"] and one["en"] for one in complaints)
    assert (await donghu.zhou.client.get("/v1/forms")).json() == []


@pytest.mark.parametrize("content", [b"", b"type,name\ntext,a", b"PK\x03\x04 not really"], ids=["empty", "csv", "cut"])
async def test_what_is_no_workbook_is_refused(donghu, content):
    refused = await publish(donghu.chen.client, content)
    assert (refused.status_code, refused.json()["code"]) == (422, "form.refused")


async def test_files_beside_the_workbook_are_kept_with_the_version(donghu):
    survey = [*PULSE, ("select_one_from_file towns.csv", "town", "街道", "", "")]
    towns = "name,label\n01,八一桥街道\n02,董家窑街道\n".encode()
    files = [("workbook", ("pulse.xlsx", workbook(survey))), ("media", ("towns.csv", towns))]
    published = await donghu.chen.client.post("/v1/forms", files=files)
    assert published.status_code == 201, published.text
    version = (await donghu.zhou.client.get("/v1/forms/pulse/versions/1")).json()
    assert {"name": "towns.csv", "sha256": hashlib.sha256(towns).hexdigest()} in version["media"]
    media = await donghu.zhou.client.get("/v1/forms/pulse/versions/1/media/towns.csv")
    assert media.content == towns
    assert media.headers["content-disposition"] == "attachment"


SITES = (
    '{"type": "FeatureCollection", "features": [{"type": "Feature", "id": "north",'
    ' "properties": {"title": "北厂"}, "geometry": {"type": "Point", "coordinates": [115.9, 28.68]}}]}'
)
TRADES = "<root><item><name>27</name><label>医药</label></item></root>"


async def test_choices_from_every_kind_of_list_file_are_checked_again(donghu):
    from forms.evaluate import evaluate
    from server.moment import now
    from server.questionnaires.library import load_version

    endings = {"towns.csv": "name,label\n01,八一桥\n".encode("gb18030"), "sites.geojson": SITES.encode()}
    media = {**endings, "trades.xml": TRADES.encode(), "notes.csv": b"\xff\xff not a list"}
    survey = [(f"select_one_from_file {name}", name.partition(".")[0], name, "", "") for name in media][:3]
    files = [("workbook", ("pulse.xlsx", workbook([*PULSE, *survey])))]
    published = await donghu.chen.client.post("/v1/forms", files=[*files, *(("media", one) for one in media.items())])
    assert published.status_code == 201, published.text
    version = await load_version(donghu.bureau, "pulse", "1")

    def flaws(**answers: str) -> list[tuple[str, str]]:
        return [
            (one.path, one.code) for one in evaluate(version.compiled, answers, now=now(), lists=version.lists).flaws
        ]

    assert flaws(towns="01", sites="north", trades="27") == []
    assert flaws(towns="09", sites="south", trades="99") == [
        ("towns", "choice"),
        ("sites", "choice"),
        ("trades", "choice"),
    ]
    assert "notes" not in version.lists


async def test_only_who_may_publish_publishes_and_a_stranger_sees_no_form(donghu):
    refused = await publish(donghu.zhou.client, workbook(PULSE))
    assert (refused.status_code, refused.json()["code"]) == (403, "permission.missing")
    assert (await donghu.zhou.client.get("/v1/forms/pulse")).json()["code"] == "form.unknown"
    assert (await donghu.zhou.client.get("/v1/forms/pulse/versions/1")).json()["code"] == "form.version_unknown"


async def test_a_form_of_another_bureau_is_unknown_here(donghu):
    from server.people.actions import found_bureau
    from server.questionnaires.actions import publish_form

    other = await found_bureau("xihu", "西湖区中小企业服务局", "360103")
    await publish_form(other, workbook(PULSE), "pulse.xlsx")
    assert (await donghu.zhou.client.get("/v1/forms")).json() == []
    assert (await donghu.zhou.client.get("/v1/forms/pulse/versions/1/xform")).status_code == 404


async def test_phones_get_the_current_version_of_each_form(donghu):
    from server.questionnaires.kinds import load
    from server.questionnaires.tables import Form

    await publish(donghu.chen.client, workbook(PULSE))
    await publish(donghu.chen.client, workbook([*PULSE, ("text", "more", "更多", "", "")], version="2"))
    form = await Form.objects().first()
    import msgspec

    body = msgspec.json.decode((await load(donghu.bureau, [form.id]))[form.id])
    assert (body["form_id"], body["version"], len(body["definition"]["children"])) == ("pulse", "2", 4)


async def test_a_retired_form_stays_readable_and_says_so(donghu):
    await publish(donghu.chen.client, workbook(PULSE))
    assert (await donghu.chen.client.post("/v1/forms/pulse/retirement")).status_code == 204
    assert (await donghu.zhou.client.get("/v1/forms/pulse")).json()["retired_at"] is not None
    assert (await donghu.zhou.client.get("/v1/forms/pulse/versions/1")).status_code == 200


ANSWERS = st.dictionaries(
    st.sampled_from(["remark", "staff", "trend", "several", "days", "day", "_id", "odd"]),
    st.none()
    | st.sampled_from(["up", "down", "", "2026-02-28", "2026-02-30", "x"])
    | st.integers(-(2**54), 2**54)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.lists(st.sampled_from(["up", "down"]), max_size=2),
)


@settings(max_examples=300, deadline=None)
@given(ANSWERS)
def test_what_the_plain_check_lets_through_has_no_flaw(answers):
    from datetime import UTC, datetime

    import msgspec

    from forms.definition import Choice, ChoiceList, Form, Question, Source
    from forms.evaluate import evaluate
    from server.questionnaires.plain import plain_check

    def ask(type: str, name: str, **more: Any) -> Question:
        return Question(name=name, path=(name,), type=type, source=Source("survey", 2), **more)

    trends = ChoiceList(name="trends", choices=(Choice(name="up"), Choice(name="down")))
    form = Form(
        id="pulse",
        version="1",
        title={"zh": "冷暖"},
        children=(
            ask("text", "remark"),
            ask("integer", "staff"),
            ask("select_one", "trend", list_name="trends"),
            ask("select_multiple", "several", list_name="trends"),
            ask("decimal", "days"),
            ask("date", "day"),
        ),
        lists={"trends": trends},
    )
    check = plain_check(form)
    assert check is not None
    assert check({"remark": "x", "staff": 3, "several": ["up", "down"]})
    assert not check({"several": ["up", "up"]})
    if check(msgspec.json.decode(msgspec.json.encode(answers))):
        assert evaluate(form, answers, now=datetime(2026, 11, 21, tzinfo=UTC)).flaws == []
