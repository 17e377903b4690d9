"""Files over tus, as a phone on a bad line sends them; and what comes out again is never a page."""

import base64
import hashlib
import os
import random
import re
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import msgspec
import pytest

from server.files import partials
from server.refusals import CATALOGUE
from sync.identity import new_id
from sync.refusal import Refusal
from tests.server.fieldwork import enterprises, phone, publish, submit, visit_answers

pytestmark = pytest.mark.anyio

PHOTO = b"\xff\xd8\xff\xe0" + os.urandom(300_000)
TUS = {"Tus-Resumable": "1.0.0"}
PART = {**TUS, "Content-Type": "application/offset+octet-stream"}


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def packed(**told: str) -> str:
    return ",".join(f"{key} {base64.b64encode(value.encode()).decode()}" for key, value in told.items())


def announce(content: bytes, **told: str) -> dict[str, str]:
    return {**TUS, "Upload-Length": str(len(content)), "Upload-Metadata": packed(sha256=sha256(content), **told)}


async def begin(member, content: bytes = PHOTO, **told: str) -> str:
    id = told.pop("id", str(new_id()))
    answer = await member.client.post("/files", headers=announce(content, id=id, **told))
    assert answer.status_code == 201, answer.text
    assert answer.headers["location"].endswith(f"/files/{id}")
    return f"/files/{id}"


async def send(member, path: str, content: bytes, offset: int = 0, **headers: str):
    return await member.client.patch(path, content=content, headers={**PART, "Upload-Offset": str(offset), **headers})


async def offset_of(member, path: str) -> int:
    answer = await member.client.head(path, headers=TUS)
    assert answer.status_code == 200
    return int(answer.headers["upload-offset"])


async def test_a_photo_in_three_parts_is_stored_and_comes_back_as_it_was(donghu):
    path = await begin(donghu.zhou, name="合影.jpg")
    for start in range(0, len(PHOTO), 100_002):
        answer = await send(donghu.zhou, path, PHOTO[start : start + 100_002], start)
        assert (answer.status_code, answer.headers["tus-resumable"]) == (204, "1.0.0")
    assert int(answer.headers["upload-offset"]) == len(PHOTO)
    got = await donghu.zhou.client.get(f"/v1{path}")
    assert (got.status_code, sha256(got.content)) == (200, sha256(PHOTO))
    assert got.headers["content-type"] == "image/jpeg"
    assert got.headers["content-disposition"] == "attachment; filename*=UTF-8''%E5%90%88%E5%BD%B1.jpg"
    assert (got.headers["x-content-type-options"], "sandbox" in got.headers["content-security-policy"]) == (
        "nosniff",
        True,
    )


async def test_the_server_says_what_it_speaks_to_anybody(donghu):
    answer = await donghu.door.options("/files")
    assert answer.status_code == 204
    assert answer.headers["tus-version"] == "1.0.0"
    assert set(answer.headers["tus-extension"].split(",")) >= {
        "creation",
        "creation-with-upload",
        "checksum",
        "expiration",
    }
    assert int(answer.headers["tus-max-size"]) > 0
    assert answer.headers["tus-checksum-algorithm"] == "sha1,sha256"
    assert (await donghu.door.head("/files/" + str(new_id()), headers=TUS)).status_code == 401


async def test_the_first_bytes_may_come_with_the_announcement(donghu):
    id = str(new_id())
    headers = {**announce(PHOTO, id=id), "Content-Type": PART["Content-Type"]}
    first = await donghu.zhou.client.post("/files", headers=headers, content=PHOTO[:1000])
    assert (first.status_code, first.headers["upload-offset"]) == (201, "1000")
    again = await donghu.zhou.client.post("/files", headers=headers, content=PHOTO[:1000])
    assert (again.status_code, again.headers["upload-offset"]) == (201, "1000")
    assert (await send(donghu.zhou, f"/files/{id}", PHOTO[1000:], 1000)).status_code == 204
    whole = await donghu.zhou.client.post("/files", headers=headers, content=PHOTO)
    assert (whole.status_code, whole.headers["upload-offset"]) == (201, str(len(PHOTO)))


async def test_a_lost_answer_to_the_announcement_costs_nothing(donghu):
    id = str(new_id())
    assert await begin(donghu.zhou, id=id) == await begin(donghu.zhou, id=id)
    other = await donghu.zhou.client.post("/files", headers=announce(b"other", id=id))
    assert (other.status_code, other.json()["code"]) == (409, "file.id_reused")
    taken = await donghu.he.client.post("/files", headers=announce(PHOTO, id=id))
    assert (taken.status_code, taken.json()["code"]) == (409, "file.id_taken")


async def test_a_cut_part_keeps_what_came_and_one_percent_is_sent_again(donghu):
    from server.app import app

    path = await begin(donghu.zhou)
    cut = [
        {"type": "http.request", "body": PHOTO[:200_000], "more_body": True},
        {"type": "http.request", "body": PHOTO[200_000:297_000], "more_body": True},
        {"type": "http.disconnect"},
    ]
    token = donghu.zhou.client.headers["authorization"]
    headers = {**PART, "Upload-Offset": "0", "Content-Length": str(len(PHOTO)), "Authorization": token}
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "PATCH",
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "root_path": "",
        "query_string": b"",
        "headers": [(name.lower().encode(), value.encode()) for name, value in headers.items()],
        "client": ("127.0.0.1", 1),
        "server": ("qifang.test", 80),
        "state": {},
    }
    messages = iter(cut)

    async def receive():
        return next(messages, {"type": "http.disconnect"})

    async def drop(_):
        return None

    await app(scope, receive, drop)
    assert await offset_of(donghu.zhou, path) == 297_000
    assert (await send(donghu.zhou, path, PHOTO[297_000:], 297_000)).status_code == 204
    assert (await donghu.zhou.client.get(f"/v1{path}")).content == PHOTO


async def test_a_wrong_offset_is_409_and_says_where_to_go_on(donghu):
    path = await begin(donghu.zhou)
    await send(donghu.zhou, path, PHOTO[:10])
    for offset in (0, 11, 10**9):
        answer = await send(donghu.zhou, path, b"x", offset)
        assert (answer.status_code, answer.json()["details"]["offset"]) == (409, 10)
    missing = await donghu.zhou.client.patch(path, content=b"x", headers=PART)
    assert (missing.status_code, missing.json()["code"]) == (409, "file.offset")


@pytest.mark.parametrize("algorithm", ["sha1", "sha256"])
async def test_a_part_whose_checksum_does_not_fit_is_460_and_leaves_nothing(donghu, algorithm):
    path = await begin(donghu.zhou)
    digest = base64.b64encode(hashlib.new(algorithm, PHOTO[:1000]).digest()).decode()
    wrong = await send(donghu.zhou, path, PHOTO[1:1001], **{"Upload-Checksum": f"{algorithm} {digest}"})
    assert (wrong.status_code, wrong.json()["code"]) == (460, "file.checksum")
    assert await offset_of(donghu.zhou, path) == 0
    right = await send(donghu.zhou, path, PHOTO[:1000], **{"Upload-Checksum": f"{algorithm} {digest}"})
    assert (right.status_code, right.headers["upload-offset"]) == (204, "1000")
    odd = await send(donghu.zhou, path, b"x", 1000, **{"Upload-Checksum": "md5 eHg="})
    assert (odd.status_code, odd.json()["code"]) == (400, "file.checksum_algorithm")


async def test_a_whole_file_that_does_not_fit_is_corrupt_and_begins_again(donghu):
    from server.files.reading.actions import files_of

    record = str(new_id())
    path = await begin(donghu.zhou, record=record)
    damaged = await send(donghu.zhou, path, PHOTO[:-1] + bytes([PHOTO[-1] ^ 1]))
    assert (damaged.status_code, damaged.json()["code"]) == (460, "file.corrupt")
    assert [state.state for state in await files_of(donghu.bureau, UUID(record))] == ["corrupt"]
    assert (await donghu.zhou.client.get(f"/v1{path}")).json()["code"] == "file.not_stored"
    assert await offset_of(donghu.zhou, path) == 0
    assert (await send(donghu.zhou, path, PHOTO)).status_code == 204
    assert [state.state for state in await files_of(donghu.bureau, UUID(record))] == ["stored"]


@pytest.mark.parametrize(("content", "offset", "state"), [(PHOTO, len(PHOTO), "stored"), (PHOTO[::-1], 0, "corrupt")])
async def test_an_upload_whose_server_died_after_the_last_byte_is_finished_when_its_maker_asks(
    donghu, content, offset, state
):
    path = await begin(donghu.zhou)
    await send(donghu.zhou, path, PHOTO[:1000])
    partial = partials.path_of(UUID(path.rpartition("/")[2]))
    partial.write_bytes(content)  # what a server leaves that is killed before it has said so

    assert await offset_of(donghu.zhou, path) == offset
    got = await donghu.zhou.client.get(f"/v1{path}")
    assert (got.content if state == "stored" else got.json()["details"]["state"]) == (
        PHOTO if state == "stored" else state
    )


async def test_a_record_lists_its_files_also_those_that_never_came(donghu):
    from server.files.reading.actions import files_of

    record, never = new_id(), new_id()
    stored, pending = await begin(donghu.zhou, record=str(record)), await begin(donghu.zhou, record=str(record))
    await send(donghu.zhou, stored, PHOTO)
    await send(donghu.zhou, pending, PHOTO[:5])
    named = [UUID(stored[7:]), UUID(pending[7:]), never]
    states = {str(state.id): (state.state, state.offset) for state in await files_of(donghu.bureau, record, named)}
    assert states == {stored[7:]: ("stored", len(PHOTO)), pending[7:]: ("pending", 5), str(never): ("missing", 0)}
    listed = (await donghu.sun.client.get("/v1/files", params={"record": str(record)})).json()
    assert sorted(state["state"] for state in listed) == ["pending", "stored"]


async def test_a_stored_file_is_never_overwritten_and_the_same_bytes_lie_once(donghu):
    from server.settings import settings

    paths = [await begin(donghu.zhou), await begin(donghu.he)]
    for member, path in zip((donghu.zhou, donghu.he), paths, strict=True):
        assert (await send(member, path, PHOTO)).status_code == 204
    late = await send(donghu.zhou, paths[0], b"x", 0)
    assert (late.status_code, late.json()["code"]) == (409, "file.offset")
    digest = sha256(PHOTO)
    assert [path.name for path in (settings.data_folder / "files" / digest[:2] / digest[2:4]).iterdir()] == [digest]
    assert not list((settings.data_folder / "uploads").glob(f"{paths[0][7:]}*"))


async def test_only_its_maker_and_bureau_wide_readers_reach_a_file(donghu):
    path = await begin(donghu.zhou)
    await send(donghu.zhou, path, PHOTO)
    for member, status in (
        (donghu.zhou, 200),
        (donghu.sun, 200),
        (donghu.lin, 200),
        (donghu.he, 404),
        (donghu.chen, 403),
    ):
        assert (await member.client.get(f"/v1{path}")).status_code == status, member.login
    assert (await donghu.he.client.head(path, headers=TUS)).status_code == 404
    assert (await send(donghu.he, path, b"x")).status_code == 404
    assert (await donghu.door.get(f"/v1{path}")).status_code == 401


@pytest.mark.parametrize(
    ("content", "media_type"),
    [
        (b"<!doctype html><script>alert(1)</script>", "application/octet-stream"),
        (b'<svg xmlns="http://www.w3.org/2000/svg" onload="x"/>', "application/octet-stream"),
        (b'<?xml version="1.0"?><x/>', "application/octet-stream"),
        (b"MZ\x90\x00" + bytes(60), "application/octet-stream"),
        (b"\x7fELF" + bytes(60), "application/octet-stream"),
        (b"#!/bin/sh\nrm -rf /\n", "application/octet-stream"),
        (b"plain words, \xe4\xb8\xad\xe6\x96\x87\n", "text/plain"),
        (b"%PDF-1.7 x", "application/pdf"),
        (b"\x89PNG\r\n\x1a\n" + bytes(20), "image/png"),
        (b"RIFF\x00\x00\x00\x00WEBPVP8 ", "image/webp"),
        (bytes(4) + b"ftypheic" + bytes(20), "image/heic"),
        (b"", "application/octet-stream"),
    ],
)
async def test_a_file_is_what_its_bytes_say_and_never_a_page(donghu, content, media_type):
    path = await begin(donghu.zhou, content, name="harmless.jpg", filetype="image/jpeg")
    if content:
        assert (await send(donghu.zhou, path, content)).status_code == 204
    got = await donghu.zhou.client.get(f"/v1{path}")
    assert (got.status_code, got.headers["content-type"].partition(";")[0], got.content) == (200, media_type, content)
    assert got.headers["content-disposition"].startswith("attachment")


@pytest.mark.parametrize(
    ("headers", "status", "code"),
    [
        ({"Upload-Length": "5"}, 412, "file.version"),
        ({"Upload-Length": "5", "Tus-Resumable": "0.2.2"}, 412, "file.version"),
        ({**TUS}, 400, "file.length"),
        ({**TUS, "Upload-Length": "-1"}, 400, "file.length"),
        ({**TUS, "Upload-Defer-Length": "1"}, 400, "file.length"),
        ({**TUS, "Upload-Length": str(10**13)}, 413, "file.too_large"),
        ({**TUS, "Upload-Length": "5", "Upload-Metadata": "id !!"}, 400, "file.metadata"),
        ({**TUS, "Upload-Length": "5", "Upload-Metadata": packed(id="7")}, 400, "file.metadata"),
        ({**TUS, "Upload-Length": "5", "Upload-Metadata": packed(sha256="abc")}, 400, "file.metadata"),
        ({**TUS, "Upload-Length": "5", "Upload-Metadata": packed(name="x" * 9000)}, 400, "file.metadata"),
    ],
)
async def test_an_announcement_that_does_not_fit_is_refused(donghu, headers, status, code):
    answer = await donghu.zhou.client.post("/files", headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert answer.headers["tus-resumable"] == "1.0.0"
    assert status != 412 or answer.headers["tus-version"] == "1.0.0"


async def test_parts_that_do_not_fit_are_refused_and_the_rest_goes_on(donghu):
    path = await begin(donghu.zhou, PHOTO[:100])
    typed = await donghu.zhou.client.patch(
        path, content=b"x", headers={**TUS, "Upload-Offset": "0", "Content-Type": "image/jpeg"}
    )
    assert (typed.status_code, typed.json()["code"]) == (415, "file.content_type")
    long = await send(donghu.zhou, path, PHOTO[:101])
    assert (long.status_code, long.json()["code"]) == (413, "file.past_end")
    unknown = await send(donghu.zhou, f"/files/{new_id()}", b"x")
    assert (unknown.status_code, unknown.json()["code"]) == (404, "file.unknown")
    offset = await offset_of(donghu.zhou, path)
    assert (await send(donghu.zhou, path, PHOTO[offset:100], offset)).status_code == 204


async def test_two_requests_at_once_do_not_mix(donghu):
    from server.files import partials

    path = await begin(donghu.zhou)
    with partials.opened_alone(UUID(path[7:])):
        busy = await send(donghu.zhou, path, PHOTO)
    assert (busy.status_code, busy.json()["code"]) == (423, "file.busy")
    assert (await send(donghu.zhou, path, PHOTO)).status_code == 204


async def test_an_upload_is_kept_thirty_days_and_can_be_begun_again_after(donghu):
    from email.utils import parsedate_to_datetime

    from server.files.actions import end_expired_uploads
    from server.moment import at, now

    id = str(new_id())
    path = await begin(donghu.zhou, id=id)
    answer = await send(donghu.zhou, path, PHOTO[:10])
    assert parsedate_to_datetime(answer.headers["upload-expires"]) > now() + timedelta(days=29, hours=23)
    assert await end_expired_uploads() == 0
    with at(now() + timedelta(days=31)):
        assert await end_expired_uploads() == 1
    gone = await donghu.zhou.client.head(path, headers=TUS)
    assert gone.status_code == 410
    assert await begin(donghu.zhou, id=id) == path
    assert await offset_of(donghu.zhou, path) == 0


async def test_an_upload_can_be_given_up_a_stored_file_cannot(donghu):
    path = await begin(donghu.zhou)
    await send(donghu.zhou, path, PHOTO[:10])
    assert (await donghu.zhou.client.delete(path, headers=TUS)).status_code == 204
    assert (await donghu.zhou.client.head(path, headers=TUS)).status_code == 410
    stored = await begin(donghu.zhou)
    await send(donghu.zhou, stored, PHOTO)
    kept = await donghu.zhou.client.delete(stored, headers=TUS)
    assert (kept.status_code, kept.json()["code"]) == (403, "file.kept")
    assert (await donghu.zhou.client.get(f"/v1{stored}")).content == PHOTO


@pytest.mark.parametrize(
    ("asked", "status", "start", "end"),
    [
        ("bytes=0-9", 206, 0, 10),
        ("bytes=299000-", 206, 299_000, 300_004),
        ("bytes=-4", 206, 300_000, 300_004),
        ("bytes=10-99999999", 206, 10, 300_004),
        ("bytes=400000-", 416, 0, 0),
        ("lines=1-2", 200, 0, 300_004),
        ("bytes=0-1,5-6", 200, 0, 300_004),
    ],
)
async def test_a_range_of_a_file_can_be_read(donghu, asked, status, start, end):
    path = await begin(donghu.zhou)
    await send(donghu.zhou, path, PHOTO)
    got = await donghu.zhou.client.get(f"/v1{path}", headers={"Range": asked})
    assert (got.status_code, got.content) == (status, PHOTO[start:end])
    whole = await donghu.zhou.client.get(f"/v1{path}", headers={"If-None-Match": f'"{sha256(PHOTO)}"'})
    assert whole.status_code == 304


async def test_the_reference_phone_sends_its_photos_with_its_device_token(donghu):
    from server.files.reading.actions import files_of

    record = new_id()
    device = await phone(donghu, donghu.zhou)
    ids = {device.attach(record, "1.jpg", PHOTO), device.attach(record, "空.txt", b"")}
    await device.upload_files()
    await device.upload_files()
    states = await files_of(donghu.bureau, record, ids)
    assert {(state.id, state.state) for state in states} == {(id, "stored") for id in ids}
    device.close()


async def test_whoever_works_on_an_issue_sees_the_photo_of_its_visit_and_another_unit_does_not(donghu):
    enterprise = (await enterprises(donghu, 1))[0]
    version = await publish(donghu, "visit_record")
    problem = {"title": "贷款到期", "description": "下月还不上。", "category": "0101", "category_group": "01",
               "urgency": "normal", "solved_on_site": "no", "publish_name_consent": "no", "said": "1"}  # fmt: skip
    answers = visit_answers(enterprise, "2026-11-20", issues=[problem], no_issue_confirm="no")
    device = await phone(donghu, donghu.zhou)
    record = submit(device, "visit_record", version, answers, enterprise=enterprise)
    photo = device.attach(record, "gate.jpg", PHOTO)
    await device.sync()
    issue = (await donghu.lin.client.get("/v1/issues")).json()["items"][0]["number"]
    address = f"/v1/files/{photo}"

    assert (await donghu.he.client.get(address)).status_code == 404
    await donghu.lin.client.post(f"/v1/issues/{issue}/dispatch", json={"lead": "finance"})

    assert (await donghu.he.client.get(address)).status_code == 200
    assert (await donghu.sun.client.get(address)).status_code == 200


PAGE = (Path(__file__).parents[2] / "docs" / "sync.md").read_text()
EXCHANGES = re.findall(r"```http\n(\S+) (\S+) HTTP/1\.1\n(.*?)HTTP/1\.1 (\d+) [^\n]*\n(.*?)```", PAGE, re.DOTALL)


def headers_of(text: str) -> dict[str, str]:
    return dict(line.split(": ", 1) for line in text.splitlines() if line)


async def test_rule_19_every_exchange_on_the_page_is_had_at_the_door(donghu):
    assert [method for method, *_ in EXCHANGES] == ["OPTIONS", "POST", "PATCH", "HEAD", "PATCH"]
    for method, path, asked, status, told in EXCHANGES:
        head, _, body = asked.partition("\n\n")
        answer = await donghu.zhou.client.request(
            method, path, headers=headers_of(head), content=body.removesuffix("\n").encode()
        )
        assert answer.status_code == int(status), answer.text
        expected = headers_of(told)
        expires = expected.pop("Upload-Expires", None)
        assert (expires is None) == ("upload-expires" not in answer.headers)
        assert {name: answer.headers.get(name) for name in expected} == expected
    (state,) = (
        await donghu.zhou.client.get("/v1/files", params={"record": "01a2012b-0b1d-7d2e-9a55-0f4a3f1c2d6e"})
    ).json()
    assert (state["state"], state["name"], state["media_type"]) == ("stored", "门头.txt", "text/plain")


def test_rule_19_every_refusal_on_the_page_is_one():
    named = re.findall(r"^\| (\d{3}) ((?:`file\.\w+`(?:, )?)+) \|", PAGE, re.MULTILINE)
    assert len(named) >= 10
    for status, codes in named:
        for code in re.findall(r"`([\w.]+)`", codes):
            assert CATALOGUE[code][0] == int(status), code


async def test_scenario_33_an_announcement_whose_answer_was_lost_is_made_again_with_part_of_the_file_there(donghu):
    id = str(new_id())
    path = await begin(donghu.zhou, id=id)
    await send(donghu.zhou, path, PHOTO[:1000])
    again = await donghu.zhou.client.post("/files", headers=announce(PHOTO, id=id))
    assert (again.status_code, again.headers["location"], again.headers["upload-offset"]) == (201, path, "1000")
    assert (await send(donghu.zhou, path, PHOTO[1000:], 1000)).status_code == 204
    late = await donghu.zhou.client.post("/files", headers=announce(PHOTO, id=id))
    assert (late.status_code, late.headers["upload-offset"]) == (201, str(len(PHOTO)))


async def test_scenario_34_a_record_shows_that_its_photo_did_not_fit_until_it_is_sent_again(donghu):
    record = str(new_id())
    path = await begin(donghu.zhou, record=record)

    async def state() -> str:
        (shown,) = (await donghu.sun.client.get("/v1/files", params={"record": record})).json()
        return shown["state"]

    wrong = await send(donghu.zhou, path, PHOTO[::-1])
    assert (wrong.status_code, wrong.json()["code"], await state()) == (460, "file.corrupt", "corrupt")
    await send(donghu.zhou, path, PHOTO[:9])
    assert await state() == "pending"
    assert (await send(donghu.zhou, path, PHOTO[9:], 9)).status_code == 204
    assert await state() == "stored"


async def test_rule_19_metadata_come_back_as_they_were_told_first(donghu):
    id = str(new_id())
    headers = announce(PHOTO, id=id, filename="甲.jpg", is_front="")
    headers["Upload-Metadata"] += ",plain"
    assert (await donghu.zhou.client.post("/files", headers=headers)).status_code == 201
    other = announce(PHOTO, id=id, filename="乙.jpg")
    assert (await donghu.zhou.client.post("/files", headers=other)).status_code == 201
    shown = await donghu.zhou.client.head(f"/files/{id}", headers=TUS)
    assert shown.headers["upload-metadata"] == headers["Upload-Metadata"]
    twice = {**TUS, "Upload-Length": "5", "Upload-Metadata": "name YQ==,name Yg=="}
    refused = await donghu.zhou.client.post("/files", headers=twice)
    assert (refused.status_code, refused.json()["code"]) == (400, "file.metadata")


@pytest.mark.parametrize("meant", ["PATCH", "patch"])
async def test_rule_19_what_a_network_does_not_let_through_is_said_in_a_header(donghu, meant):
    path = await begin(donghu.zhou)

    async def tunnelled(method: str, content: bytes = b"", **headers: str):
        said = {**PART, "X-HTTP-Method-Override": method, **headers}
        return await donghu.zhou.client.post(path, content=content, headers=said)

    part = await tunnelled(meant, PHOTO[:10], **{"Upload-Offset": "0"})
    assert (part.status_code, part.headers["upload-offset"]) == (204, "10")
    head = await tunnelled("HEAD")
    assert (head.status_code, head.headers["upload-length"]) == (200, str(len(PHOTO)))
    assert (await tunnelled("DELETE")).status_code == 204
    assert (await donghu.zhou.client.head(path, headers=TUS)).status_code == 410
    assert (await tunnelled("GET")).status_code == 405


async def test_rule_19_an_upload_somebody_goes_on_with_lives_on(donghu):
    from server.files.actions import end_expired_uploads
    from server.moment import at, now
    from server.sessions.actions import open_session_of

    path = await begin(donghu.zhou)
    with at(now() + timedelta(days=29)):
        donghu.zhou.client.headers["authorization"] = f"Bearer {await open_session_of(donghu.bureau, donghu.zhou.id)}"
        assert (await send(donghu.zhou, path, PHOTO[:10])).status_code == 204
        with at(now() + timedelta(days=29)), partials.opened_alone(UUID(path[7:])):
            assert await end_expired_uploads() == 0
        with at(now() + timedelta(days=31)):
            with partials.opened_alone(UUID(path[7:])):
                assert await end_expired_uploads() == 0, "somebody is writing to it"
            assert await end_expired_uploads() == 1
            assert not partials.path_of(UUID(path[7:])).exists()


async def test_what_had_come_in_full_when_the_server_stopped_is_kept_by_the_timetable(donghu):
    from server.files.actions import finish_whole_uploads

    whole, wrong, part = [await begin(donghu.zhou) for _ in range(3)]
    for path, content in ((whole, PHOTO), (wrong, PHOTO[::-1]), (part, PHOTO[:9])):
        partials.folder().mkdir(exist_ok=True)
        partials.path_of(UUID(path[7:])).write_bytes(content)
    assert await finish_whole_uploads() == 1
    assert (await donghu.zhou.client.get(f"/v1{whole}")).content == PHOTO
    assert (await donghu.zhou.client.get(f"/v1{wrong}")).json()["details"]["state"] == "corrupt"
    assert await offset_of(donghu.zhou, part) == 9


async def test_bytes_that_belong_to_no_upload_go_when_they_are_old(donghu):
    from server.files.upkeep.sweeping import drop_unreferenced
    from server.moment import at, now

    path = await begin(donghu.zhou)
    await send(donghu.zhou, path, PHOTO[:10])
    stray, killed = partials.path_of(new_id()), partials.folder() / ".picture-x"
    stray.write_bytes(b"x")
    killed.mkdir()
    await drop_unreferenced()
    assert stray.exists(), "perhaps it is being announced"
    with at(now() + timedelta(days=2)):
        await drop_unreferenced()
    assert (stray.exists(), killed.exists()) == (False, False)
    assert await offset_of(donghu.zhou, path) == 10


def limited(monkeypatch, **values: int) -> None:
    from server.files.upkeep import room

    monkeypatch.setattr(room, "settings", msgspec.structs.replace(room.settings, **values))


async def test_a_device_may_announce_so_much_in_a_day_and_goes_on_tomorrow(donghu, monkeypatch):
    from server.files.actions import NewUpload, begin_upload
    from server.moment import at

    limited(monkeypatch, file_bytes_per_device_day_max=len(PHOTO) * 2)
    evening = datetime(2026, 11, 20, 14, tzinfo=UTC)  # ten at night in Nanchang
    actor = await donghu.zhou.actor()
    with at(evening):
        first, _ = [await begin_upload(actor, NewUpload(id=new_id(), size=len(PHOTO))) for _ in range(2)]
        with pytest.raises(Refusal) as refused:
            await begin_upload(actor, NewUpload(id=new_id(), size=1))
        assert (refused.value.code, refused.value.details["retry_after"]) == ("file.day_full", 2 * 3600)
        await begin_upload(actor, NewUpload(id=first.id, size=len(PHOTO)))  # what was announced may go on
        await begin_upload(await donghu.he.actor(), NewUpload(id=new_id(), size=1))
        other = msgspec.structs.replace(actor, device=new_id())
        await begin_upload(other, NewUpload(id=new_id(), size=1))
    with at(evening + timedelta(hours=2)):
        await begin_upload(actor, NewUpload(id=new_id(), size=1))


async def test_a_bureau_has_so_much_room_and_gets_back_what_is_given_up(donghu, monkeypatch):
    limited(monkeypatch, file_bytes_per_bureau_max=len(PHOTO) + 10)
    path = await begin(donghu.zhou)
    full = await donghu.he.client.post("/files", headers=announce(PHOTO))
    assert (full.status_code, full.json()["code"]) == (507, "file.bureau_full")
    assert (await donghu.he.client.post("/files", headers=announce(b"ten bytes!"))).status_code == 201
    assert (await donghu.zhou.client.delete(path, headers=TUS)).status_code == 204
    assert (await donghu.he.client.post("/files", headers=announce(PHOTO))).status_code == 201
    assert (await donghu.zhou.client.post("/files", headers=announce(PHOTO, id=path[7:]))).status_code == 507


@pytest.mark.parametrize("seed", range(6))
async def test_the_room_that_is_taken_is_the_sum_of_what_is_there(donghu, seed):
    """The law of the counter, after announcements, repetitions, ends, expiry and new beginnings in any order, also at once."""
    import asyncio

    from server.files.actions import NewUpload, begin_upload, end_expired_uploads, end_upload
    from server.files.tables import UploadedFile
    from server.files.upkeep import room
    from server.moment import at, now

    chance = random.Random(seed)
    actors = [await member.actor() for member in (donghu.zhou, donghu.he)]
    uploads = [(new_id(), chance.randint(0, 1000)) for _ in range(6)]

    async def step() -> None:
        id, size = chance.choice(uploads)
        with suppress(Refusal):
            if chance.random() < 0.6:
                await begin_upload(chance.choice(actors), NewUpload(id=id, size=size))
            else:
                await end_upload(chance.choice(actors), id)

    for round in range(8):
        await asyncio.gather(*[step() for _ in range(6)])
        if round == 5:
            with at(now() + timedelta(days=40)):
                await end_expired_uploads()
    rows = await UploadedFile.objects().where(UploadedFile.state != "ended")
    assert await room.taken(donghu.bureau) == sum(row.size for row in rows)


async def test_a_full_disk_keeps_what_has_come(donghu):
    import resource

    path = await begin(donghu.zhou)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
    try:
        refused = await send(donghu.zhou, path, PHOTO)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert (refused.status_code, refused.json()["code"]) == (507, "file.no_space")
    offset = await offset_of(donghu.zhou, path)
    assert offset == 100_000
    assert (await send(donghu.zhou, path, PHOTO[offset:], offset)).status_code == 204
