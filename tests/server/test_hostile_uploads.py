"""Files that were made to hurt, at the real door: refused with what is wrong, nothing kept, and the server goes on."""

import base64
import gzip
import hashlib
import tracemalloc
import zipfile
from io import BytesIO
from typing import Any

import msgspec
import pytest
import zstandard

from server.settings import settings
from sync.identity import new_id
from tests.server.fieldwork import phone
from tests.server.full_bureau import contents
from tests.server.workbooks import PULSE, workbook

pytestmark = pytest.mark.anyio

MIB = 1024 * 1024
ENCRYPTED = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(504) + "EncryptedPackage".encode("utf-16-le")
TUS = {"Tus-Resumable": "1.0.0"}


def with_part(name: str, data: bytes) -> bytes:
    """A good workbook in which one part is another."""
    written = BytesIO()
    with zipfile.ZipFile(BytesIO(workbook(PULSE))) as good, zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED) as bad:
        for part in good.namelist():
            if part != name:
                bad.writestr(part, good.read(part))
        bad.writestr(name, data)
    return written.getvalue()


def million_rows() -> bytes:
    row = '<row><c t="inlineStr"><is><t>text</t></is></c></row>'
    head = '<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>'
    return f"{head}{row * 1_000_000}</sheetData></worksheet>".encode()


WRONG_NAMES = [
    ("text", "two words", "甲", "", ""),
    ("text", "meta", "乙", "", ""),
    ("text", "same", "丙", "", ""),
    ("text", "same", "丁", "", ""),
    ("colour", "c", "戊", "", ""),
    ("calculate", "loop", "", "", ""),
]


@pytest.mark.parametrize(
    ("content", "codes"),
    [
        (lambda: ENCRYPTED, {"workbook.encrypted"}),
        (lambda: with_part("xl/media/image1.png", bytes(50 * MIB)), {"workbook.too_large"}),
        (lambda: with_part("xl/worksheets/sheet1.xml", million_rows()), {"workbook.too_large"}),
        (lambda: with_part("xl/sharedStrings.xml", b"<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>"), {"workbook.hostile"}),
        (lambda: workbook(PULSE)[:-100], {"workbook.damaged"}),
        (lambda: "类型,名称\n文本,甲\n".encode("gb18030"), {"workbook.wrong_type"}),
        (lambda: workbook(WRONG_NAMES), 3),
    ],
    ids=["encrypted", "bomb", "a million rows", "entities", "cut", "a list in GB18030", "wrong names"],
)
async def test_a_hostile_workbook_is_refused_with_every_complaint_and_nothing_is_stored(donghu, content, codes):
    before = await contents(donghu.bureau)
    answer = await donghu.chen.client.post("/v1/forms", params={"file_name": "走访.xlsx"}, content=content())
    assert (answer.status_code, answer.json()["code"]) == (422, "form.refused")
    complaints = answer.json()["details"]["complaints"]
    told = {complaint["code"] for complaint in complaints}
    assert told == codes if isinstance(codes, set) else len(complaints) >= codes, complaints
    assert all(complaint["zh"] and complaint["en"] for complaint in complaints)
    assert await contents(donghu.bureau) == before
    assert (await donghu.door.get("/health")).status_code == 200


@pytest.mark.parametrize("name", ["../../etc/passwd", "a\0b.png", "..", "x" * 300, 'a"b.png', "a\nb.png", "/tmp/x.png"])
async def test_a_file_beside_a_workbook_with_a_name_that_leads_elsewhere_is_refused(donghu, name):
    files = [("workbook", ("pulse.xlsx", workbook(PULSE))), ("media", (name, b"\x89PNG\r\n\x1a\n"))]
    answer = await donghu.chen.client.post("/v1/forms", files=files)
    assert answer.status_code in (201, 400, 422), answer.text
    if answer.status_code == 201:  # kept under a harmless name
        (form,) = (await donghu.chen.client.get("/v1/forms")).json()
        shown = (await donghu.chen.client.get(f"/v1/forms/{form['form_id']}/versions/1")).json()
        assert all(not set('/\\\0\n"') & set(media["name"]) for media in shown["media"]), shown["media"]


@pytest.mark.parametrize("pack", [gzip.compress, zstandard.compress], ids=["gzip", "zstd"])
async def test_a_bomb_in_a_push_is_413_before_it_has_grown(donghu, pack):
    device = await phone(donghu, donghu.zhou)
    encoding = "gzip" if pack is gzip.compress else "zstd"
    bomb = pack(b" " * 400 * MIB)
    headers = {
        "Authorization": f"Bearer {device.meta('token')}",
        "Content-Type": "application/json",
        "Content-Encoding": encoding,
    }
    tracemalloc.start()
    answer = await device.client.post("/sync/v1/push", content=bomb, headers=headers)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert (answer.status_code, answer.json()["code"]) == (413, "request.too_large")
    assert most < 6 * settings.body_bytes_max
    await device.client.aclose()


async def test_an_endless_upload_stops_at_the_announced_size_in_flat_memory(donghu):
    id = new_id()
    told = base64.b64encode(str(id).encode()).decode()
    headers = {**TUS, "Upload-Length": str(MIB), "Upload-Metadata": f"id {told}"}
    assert (await donghu.zhou.client.post("/files", headers=headers)).status_code == 201

    async def endless() -> Any:
        for _ in range(200 * 16):
            yield bytes(MIB // 16)  # as much as a server hands on at a time

    part = {**TUS, "Content-Type": "application/offset+octet-stream", "Upload-Offset": "0"}
    tracemalloc.start()
    answer = await donghu.zhou.client.patch(f"/files/{id}", content=endless(), headers=part)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert (answer.status_code, answer.json()["code"]) == (413, "file.past_end")
    assert most < 16 * MIB
    huge = {**TUS, "Upload-Length": str(settings.file_bytes_max + 1)}
    refused = await donghu.zhou.client.post("/files", headers=huge)
    assert (refused.status_code, refused.json()["code"]) == (413, "file.too_large")


@pytest.mark.parametrize(
    "name",
    [
        'a"; filename="b.html',
        "a\r\nSet-Cookie: x=1",
        "../../secret",
        "..\\secret",
        "合影 (1).jpg",
        "",
        ".",
        "\u202egpj.exe",
    ],
)
async def test_the_name_of_a_file_stays_inside_its_header(donghu, name):
    content = b"words\n"
    fields = {"id": str(new_id()), "name": name, "sha256": hashlib.sha256(content).hexdigest()}
    metadata = ",".join(f"{key} {base64.b64encode(value.encode()).decode()}" for key, value in fields.items())
    headers = {**TUS, "Upload-Length": str(len(content)), "Upload-Metadata": metadata}
    headers["Content-Type"] = "application/offset+octet-stream"
    sent = await donghu.zhou.client.post("/files", content=content, headers=headers)
    assert sent.status_code == 201, sent.text
    got = await donghu.zhou.client.get(f"/v1/files/{fields['id']}")
    disposition = got.headers["content-disposition"]
    assert disposition.startswith("attachment; filename*=UTF-8''")
    assert disposition.isascii()
    assert not set('"\r\n/\\; ') & set(disposition.removeprefix("attachment; filename*=UTF-8''"))
    assert "set-cookie" not in got.headers


async def test_a_file_name_that_no_database_stores_is_refused(donghu):
    name = base64.b64encode(b"a\0b").decode()
    headers = {**TUS, "Upload-Length": "1", "Upload-Metadata": f"name {name}"}
    answer = await donghu.zhou.client.post("/files", headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (400, "file.metadata")


async def test_a_push_is_told_apart_from_one_with_too_many_operations(donghu):
    device = await phone(donghu, donghu.zhou)
    envelope = {"device": device.device, "incarnation": device.meta("incarnation"), "operations": [{}] * 100_000}
    headers = {"Authorization": f"Bearer {device.meta('token')}", "Content-Type": "application/json"}
    answer = await device.client.post("/sync/v1/push", content=msgspec.json.encode(envelope), headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (413, "envelope.too_large")
    await device.client.aclose()


@pytest.mark.parametrize(
    "asked",
    [
        "bytes=" + "9" * 5000 + "-",
        "bytes=-" + "9" * 5000,
        "bytes=5-1",
        "bytes=--1",
        "bytes=a-b",
        "items=0-1",
        "bytes=0-0,2-3",
    ],
    ids=["far", "far from the end", "backwards", "twice", "letters", "items", "several"],
)
async def test_no_range_breaks_a_download(donghu, asked):
    headers = {
        **TUS,
        "Upload-Length": "6",
        "Upload-Metadata": f"id {base64.b64encode(str(id := new_id()).encode()).decode()}",
    }
    headers["Content-Type"] = "application/offset+octet-stream"
    assert (await donghu.zhou.client.post("/files", content=b"words\n", headers=headers)).status_code == 201
    got = await donghu.zhou.client.get(f"/v1/files/{id}", headers={"Range": asked})
    assert got.status_code in (200, 206, 416), got.text


@pytest.mark.parametrize("path", ["/v1/forms", "/v1/enterprises/import"])
@pytest.mark.parametrize(
    ("media_type", "content"),
    [
        ("multipart/form-data", b"x"),
        ("multipart/form-data; boundary=", b"x"),
        ("multipart/form-data; boundary=x", b"--x\r\n"),
        (
            "multipart/form-data; boundary=x",
            b'--x\r\nContent-Disposition: form-data; name="\xff"; filename="a"\r\n\r\n1\r\n--x--',
        ),
        ("multipart/form-data; boundary=x", b"--x\r\nContent-Disposition: form-data\r\n\r\n1\r\n--x--\r\n"),
        (
            "multipart/form-data; boundary=x",
            b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n' * 5000 + b"--x--\r\n",
        ),
        ("application/json", b"{}"),
        ("\xff", b"{}"),
    ],
)
async def test_no_form_breaks_an_upload(donghu, path, media_type, content):
    member = donghu.chen if path == "/v1/forms" else donghu.sun
    headers = {"Content-Type": media_type.encode("latin-1")}
    answer = await member.client.post(path, content=content, headers=headers)
    assert 400 <= answer.status_code < 500, answer.text
    assert answer.json()["code"]
