"""Files that a record names and that do not come: the record is valid, and who may act hears of it."""

from datetime import timedelta

import pytest

from server.moment import at, now
from sync.identity import new_id
from tests.server.fieldwork import phone, submit
from tests.server.test_files import PHOTO, begin, send, sha256
from tests.server.workbooks import PULSE, workbook

pytestmark = pytest.mark.anyio


@pytest.fixture
async def device(donghu):
    answer = await donghu.chen.client.post("/v1/forms", params={"file_name": "pulse.xlsx"}, content=workbook(PULSE))
    assert answer.status_code == 201, answer.text
    made = await phone(donghu, donghu.zhou)
    yield made
    made.close()


def record(device, *files: str, **more) -> str:
    named = [{"id": file, "name": f"{n}.jpg", **more} for n, file in enumerate(files)]
    return str(submit(device, "pulse", "1", {"remark": "好"}, attachments=named))


async def missing(member, **asked) -> list[dict]:
    answer = await member.client.get("/v1/files/missing", params=asked)
    assert answer.status_code == 200, answer.text
    return answer.json()["items"]


async def test_scenario_35_a_photo_that_never_comes_is_listed_to_author_and_supervisor_after_some_days(donghu, device):
    never, late, half, fresh = (str(new_id()) for _ in range(4))
    id = record(device, never, late, half)
    with at(now() - timedelta(days=3, minutes=1)):
        await device.sync()
    record(device, fresh)
    with at(now() - timedelta(days=2, hours=23)):
        await device.sync()
    shown = (await donghu.sun.client.get(f"/v1/records/{id}")).json()
    assert shown["record"]["state"] == "received", "valid before its files"
    assert [file["state"] for file in shown["files"]] == ["missing"] * 3

    path = await begin(donghu.zhou, id=half)
    await send(donghu.zhou, path, PHOTO[:70])
    for member in (donghu.zhou, donghu.sun, donghu.lin):
        found = await missing(member)
        assert {(one["file"], one["state"], one["offset"], one["record"]) for one in found} == {
            (never, "missing", 0, id),
            (late, "missing", 0, id),
            (half, "pending", 70, id),
        }
    assert await missing(donghu.he) == [], "of no concern to another unit"
    assert (await donghu.chen.client.get("/v1/files/missing")).status_code == 403

    assert (await send(donghu.zhou, await begin(donghu.zhou, id=late), PHOTO)).status_code == 204
    assert {one["file"] for one in await missing(donghu.sun)} == {never, half}
    assert {one["file"] for one in await missing(donghu.sun, days=0)} == {never, half, fresh}


async def test_scenario_35_pages_of_what_is_missing_are_complete(donghu, device):
    files = [str(new_id()) for _ in range(7)]
    for file in files:
        record(device, file)
    await device.sync()
    found, after = [], ""
    while after is not None:
        page = (await donghu.sun.client.get("/v1/files/missing", params={"days": 0, "limit": 3, "after": after})).json()
        found += [one["file"] for one in page["items"]]
        after = page["next"]
    assert sorted(found) == sorted(files)


async def test_a_photo_other_than_the_record_names_and_one_the_phone_lost_stay_on_the_list(donghu, device):
    other, corrupt = str(new_id()), str(new_id())
    record(device, other, corrupt, sha256=sha256(b"the right one"))
    lost = str(new_id())
    record(device, lost, is_lost=True)
    await device.sync()
    assert (await send(donghu.zhou, await begin(donghu.zhou, id=other), PHOTO)).status_code == 204
    damaged = await send(donghu.zhou, await begin(donghu.zhou, id=corrupt), PHOTO[::-1])
    assert damaged.status_code == 460
    found = {one["file"]: one["state"] for one in await missing(donghu.zhou, days=0)}
    assert found == {other: "differs", corrupt: "corrupt", lost: "lost"}


async def test_files_that_came_before_their_record_are_not_missed(donghu, device):
    file = str(new_id())
    assert (await send(donghu.zhou, await begin(donghu.zhou, id=file), PHOTO)).status_code == 204
    record(device, file, sha256=sha256(PHOTO))
    record(device, file)
    await device.sync()
    assert await missing(donghu.sun, days=0) == []


async def test_an_amended_record_misses_what_it_names_now_and_a_withdrawn_one_nothing(donghu, device):
    before, after = str(new_id()), str(new_id())
    id = record(device, before)
    await device.sync()
    amendment = {"form": "pulse", "version": "1", "answers": {"remark": "改"}, "filled_at": now().isoformat()}
    device.do("record.amend", id, {**amendment, "attachments": [{"id": after, "name": "1.jpg"}]})
    await device.sync()
    assert [one["file"] for one in await missing(donghu.sun, days=0)] == [after]
    device.do("record.withdraw", id, {"reason": "重复"})
    await device.sync()
    assert await missing(donghu.sun, days=0) == []


@pytest.mark.parametrize("asked", [{"after": "nonsense"}, {"days": "x"}, {"limit": "x"}])
async def test_a_question_that_makes_no_sense_is_refused(donghu, asked):
    answer = await donghu.sun.client.get("/v1/files/missing", params=asked)
    assert (answer.status_code, bool(answer.json()["code"])) == (400, True)
