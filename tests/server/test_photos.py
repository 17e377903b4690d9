"""Photos at the real door: the place goes when the form says so, and nothing else does; small pictures are made aside."""

import hashlib
import io
import struct
import zlib
from pathlib import Path
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from server.files.pictures.drawing import SIDE
from server.files.pictures.place import remove_places
from server.files.pictures.thumbnails import make_thumbnails
from server.files.pictures.whereabouts import take_place_out
from sync.identity import new_id
from tests.server.fieldwork import phone, submit
from tests.server.photos import FORMATS, PLACES, exif, gps_of, photo, picture, read
from tests.server.test_files import TUS, begin, send, sha256
from tests.server.workbooks import workbook

pytestmark = pytest.mark.anyio

SURVEY = [("text", "remark", "备注", "", ""), ("photo", "gate", "门头照", "", "")]
FILM = b"\0\0\0\x18ftypmp42" + bytes(8) + b"\0\0\0\x1e\xa9xyz\0\x15\x15\xc7+28.6868+115.9017/" + bytes(40)


def with_place_out(content: bytes, folder: Path) -> bytes:
    path = folder / "photo"
    path.write_bytes(content)
    take_place_out(path)
    return path.read_bytes()


async def publish(donghu, photo_place: str) -> None:
    settings = [("form_id", "form_title", "version", "qf::photo_place"), ("gate", "门头", "1", photo_place)]
    sheets = {"settings": settings}
    answer = await donghu.chen.client.post("/v1/forms", params={"file_name": "gate.xlsx"}, content=form_of(sheets))
    assert answer.status_code == 201, answer.text


def form_of(sheets) -> bytes:
    return workbook(SURVEY, **sheets)


async def sent(donghu, content: bytes, record: UUID) -> str:
    """A stored file; answers its id."""
    path = await begin(donghu.zhou, content, record=str(record), name="gate.jpg")
    assert (await send(donghu.zhou, path, content)).status_code == 204
    return path.removeprefix("/files/")


async def fetched(member, file: str) -> bytes:
    got = await member.client.get(f"/v1/files/{file}")
    assert got.status_code == 200, got.text
    assert got.headers["etag"] == f'"{sha256(got.content)}"'
    return got.content


async def record_of(donghu, form: str, *files: str) -> UUID:
    device = await phone(donghu, donghu.zhou)
    named = [{"id": file, "name": "gate.jpg"} for file in files]
    record = submit(device, form, "1", {"remark": "好", "gate": "gate.jpg"}, attachments=named)
    await device.sync()
    device.close()
    return record


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("endian", ["<", ">"])
def test_a_photo_without_its_place_has_every_pixel_and_everything_else(format, endian, tmp_path):
    content = photo(format, endian=endian)
    assert len(gps_of(content)) == 6
    assert all(place in content for place in PLACES)
    clean = with_place_out(content, tmp_path)
    assert gps_of(clean) == {}
    assert not any(place in clean for place in PLACES)
    assert len(clean) == len(content)
    before, after = read(content), read(clean)
    assert after.tobytes() == before.tobytes()
    tags = {tag: value for tag, value in before.getexif().items() if tag != 0x8825}
    assert {tag: value for tag, value in after.getexif().items() if tag != 0x8825} == tags
    assert b"exif:ISO='80'" in clean
    assert with_place_out(clean, tmp_path) == clean


def test_every_place_a_photo_may_carry_goes(tmp_path):
    assert b"+28.6868" not in with_place_out(photo() + FILM, tmp_path), "the film of a moving photo"
    assert with_place_out(photo() + photo(), tmp_path) == with_place_out(photo(), tmp_path) * 2, "a depth photo"
    scan = exif().tobytes().removeprefix(b"Exif\0\0")
    clean = Image.Exif()
    clean.load(with_place_out(scan, tmp_path))
    assert list(clean.get_ifd(0x8825)) == [0], "TIFF"
    packed = with_place_out(photo("PNG", is_packed=True), tmp_path)
    assert read(packed).tobytes() == picture().tobytes()
    assert "xmp" not in read(packed).info
    assert "XML:com.adobe.xmp" not in read(packed).info
    assert with_place_out(b"", tmp_path) == b""
    assert with_place_out(photo(with_place=False, xmp=b"<x:xmpmeta/>"), tmp_path) == photo(
        with_place=False, xmp=b"<x:xmpmeta/>"
    )


def test_the_checksums_of_a_cleaned_png_fit(tmp_path):
    data, at, kinds = with_place_out(photo("PNG"), tmp_path), 8, []
    while at < len(data):
        (length,) = struct.unpack_from(">L", data, at)
        assert struct.unpack_from(">L", data, at + 8 + length)[0] == zlib.crc32(data[at + 4 : at + 8 + length])
        kinds.append(data[at + 4 : at + 8])
        at += 12 + length
    assert {b"eXIf", b"iTXt", b"IEND"} <= set(kinds)


DAMAGE = st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.binary(min_size=1, max_size=8)), max_size=30)


@settings(max_examples=150, deadline=None)
@given(format=st.sampled_from(["JPEG", "PNG", "WEBP"]), damage=DAMAGE, keep=st.floats(0, 1))
def test_no_damaged_photo_breaks_it_or_grows(format, damage, keep, tmp_path_factory):
    content = bytearray(photo(format))
    for share, piece in damage:
        at = int(share * min(len(content), 2500))  # where the properties of a photo stand
        content[at : at + len(piece)] = piece
    cut = bytes(content[: int(keep * len(content))])
    assert len(with_place_out(cut, tmp_path_factory.mktemp("damaged"))) == len(cut)


async def test_rule_19_a_form_that_says_so_gets_its_photos_without_the_place(donghu):
    await publish(donghu, "remove")
    file, content = str(new_id()), photo()
    record = await record_of(donghu, "gate", file)
    path = await begin(donghu.zhou, content, id=file, name="gate.jpg")  # it is the record that names it
    assert (await send(donghu.zhou, path, content)).status_code == 204
    clean = await fetched(donghu.zhou, file)
    assert (gps_of(clean), read(clean).tobytes()) == ({}, read(content).tobytes())
    of_record = await sent(donghu, photo("HEIF"), record)
    assert gps_of(await fetched(donghu.zhou, of_record)) == {}
    trail = (await donghu.sun.client.get("/v1/audit", params={"subject": file})).json()
    told = next(one["details"] for one in trail["items"] if one["event"] == "file.store" and one["subject"] == file)
    assert (told["sha256"], told["sha256_stored"]) == (sha256(content), sha256(clean))


async def test_rule_19_a_photo_that_came_before_its_record_is_never_shown_with_its_place(donghu):
    await publish(donghu, "remove")
    first, second = await sent(donghu, photo(), new_id()), await sent(donghu, photo("PNG"), new_id())
    assert len(gps_of(await fetched(donghu.zhou, first))) == 6, "nobody has asked yet"
    await record_of(donghu, "gate", first, second)
    assert gps_of(await fetched(donghu.zhou, first)) == {}, "asked for, though the timetable has not come by"
    assert await remove_places() == 1
    assert gps_of(await fetched(donghu.zhou, second)) == {}
    assert await remove_places() == 0


async def test_a_form_that_says_nothing_leaves_photos_as_they_are(donghu):
    await publish(donghu, "")
    content = photo()
    record = await record_of(donghu, "gate")
    assert await fetched(donghu.zhou, await sent(donghu, content, record)) == content


async def test_a_form_with_another_word_for_the_place_is_refused(donghu):
    settings = [("form_id", "form_title", "version", "qf::photo_place"), ("gate", "门头", "1", "maybe")]
    answer = await donghu.chen.client.post(
        "/v1/forms", params={"file_name": "gate.xlsx"}, content=form_of({"settings": settings})
    )
    assert answer.status_code == 422
    (complaint,) = answer.json()["details"]["complaints"]
    assert (complaint["code"], "keep" in complaint["instead"]) == ("form.bad_value", True)


@pytest.mark.parametrize("format", [*FORMATS, "GIF"])
async def test_a_small_picture_is_made_upright_and_without_anything_else(donghu, format):
    written = io.BytesIO()
    picture(1600, 1000).save(written, "GIF")
    file = await sent(donghu, photo(format) if format != "GIF" else written.getvalue(), new_id())
    early = await donghu.zhou.client.get(f"/v1/files/{file}/thumbnail")
    assert (early.status_code, early.json()["code"]) == (404, "file.thumbnail_pending")
    assert early.headers["retry-after"] == "60"
    assert await make_thumbnails() == 1
    got = await donghu.zhou.client.get(f"/v1/files/{file}/thumbnail")
    assert (got.status_code, got.headers["content-type"]) == (200, "image/jpeg")
    assert (got.headers["x-content-type-options"], "sandbox" in got.headers["content-security-policy"]) == (
        "nosniff",
        True,
    )
    small = read(got.content)
    assert small.size == ((SIDE, 300) if format == "GIF" else (300, SIDE)), "orientation 6 stands on its side"
    assert dict(small.getexif()) == {}
    again = await donghu.zhou.client.get(f"/v1/files/{file}/thumbnail", headers={"If-None-Match": got.headers["etag"]})
    assert again.status_code == 304
    for member, status in ((donghu.sun, 200), (donghu.he, 404), (donghu.chen, 403)):
        assert (await member.client.get(f"/v1/files/{file}/thumbnail")).status_code == status, member.login
    assert (await donghu.door.get(f"/v1/files/{file}/thumbnail")).status_code == 401
    assert await make_thumbnails() == 0


def bomb() -> bytes:
    """A picture of a hundred times more pixels than bytes."""
    written = io.BytesIO()
    Image.new("1", (11_000, 11_000)).save(written, "PNG")
    return written.getvalue()


@pytest.mark.parametrize(
    "content",
    [bomb, lambda: photo()[:3000], lambda: b"\xff\xd8\xff" + bytes(500), lambda: b"\x89PNG\r\n\x1a\n" + bytes(99)],
    ids=["bomb", "cut", "no picture", "zeros"],
)
async def test_a_picture_made_to_hurt_has_no_small_one_and_stops_no_other(donghu, content):
    bad, good = await sent(donghu, content(), new_id()), await sent(donghu, photo("WEBP"), new_id())
    assert await make_thumbnails() == 2
    refused = await donghu.zhou.client.get(f"/v1/files/{bad}/thumbnail")
    assert (refused.status_code, refused.json()["code"]) == (404, "file.thumbnail_none")
    assert (await donghu.zhou.client.get(f"/v1/files/{good}/thumbnail")).status_code == 200
    assert await fetched(donghu.zhou, bad) == content()


async def test_a_drawing_process_that_hangs_is_ended_and_the_next_picture_drawn(donghu, tmp_path):
    import asyncio
    import signal

    from server.files.pictures.thumbnails import Painter

    (tmp_path / "photo").write_bytes(photo())
    async with Painter() as painter:
        assert await painter.draw(tmp_path / "photo", tmp_path / "small")
        assert painter._process is not None
        painter._process.send_signal(signal.SIGSTOP)
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr("server.files.pictures.thumbnails.settings", Hasty())
            assert not await painter.draw(tmp_path / "photo", tmp_path / "none")
        assert await painter.draw(tmp_path / "photo", tmp_path / "again")
    assert (tmp_path / "again").read_bytes() == (tmp_path / "small").read_bytes()
    assert not (tmp_path / "none").exists()
    assert asyncio.get_running_loop().is_running()


class Hasty:
    picture_seconds_max = 0.05


async def test_a_cleaned_photo_gets_a_new_small_picture_and_the_old_content_goes_when_it_is_old(donghu):
    from datetime import timedelta

    from server.files.store import key_of, store
    from server.files.upkeep.sweeping import drop_unreferenced
    from server.moment import at, now

    await publish(donghu, "remove")
    content = photo("JPEG", orientation=1)
    file = await sent(donghu, content, new_id())
    await make_thumbnails()
    await record_of(donghu, "gate", file)
    await remove_places()
    assert await make_thumbnails() == 1
    assert (await donghu.zhou.client.get(f"/v1/files/{file}/thumbnail")).status_code == 200
    before = hashlib.sha256(content).hexdigest()
    assert await store().size(key_of(before)) == len(content)
    await drop_unreferenced()
    assert await store().size(key_of(before)) == len(content), "younger than a day"
    with at(now() + timedelta(days=2)):
        await drop_unreferenced()
    assert await store().size(key_of(before)) is None
    assert await store().size(key_of(before, "thumbnails")) is None
    assert gps_of(await fetched(donghu.zhou, file)) == {}
    assert (await donghu.zhou.client.head(f"/files/{file}", headers=TUS)).status_code == 200
