"""Both stores, asked the same: a folder, and a bucket of a real server that speaks S3."""

import asyncio
import hashlib
import random
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import msgspec
import pytest

from server.files import store as stores
from server.files.store import BucketStore, FolderStore, Store, key_of, open_store
from server.settings import read_settings, settings
from sync.identity import new_id
from tests.server.test_files import PHOTO, begin, send
from tests.test_walk import free_port

pytestmark = pytest.mark.anyio

LARGE = random.Random(4).randbytes(20 * 1024 * 1024)
"""More than two parts of a bucket."""


@pytest.fixture(scope="module")
def bucket() -> Iterator[str]:
    """The address of a server that speaks S3, with a bucket in it."""
    port = free_port()
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        address = f"http://127.0.0.1:{port}"
        line = httpx.HTTPTransport(retries=12)  # with a growing wait between: it takes a second or two to start
        with httpx.Client(transport=line, base_url=address, timeout=60) as client:
            assert client.put("/qifang").status_code == 200
        yield address
    finally:
        server.terminate()
        server.wait(timeout=20)


def told(**values: object) -> object:
    return msgspec.structs.replace(settings, **values)


@pytest.fixture(params=["folder", "bucket"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    if request.param == "folder":
        made = open_store(told(files=str(tmp_path / "kept")))
        assert isinstance(made, FolderStore)
        return made
    made = open_store(
        told(
            files=f"s3://qifang/{tmp_path.name}",
            files_endpoint=request.getfixturevalue("bucket"),
            files_key="key",
            files_key_secret="secret",
        )
    )
    assert isinstance(made, BucketStore)
    return made


async def kept(store: Store, content: bytes, folder: Path) -> str:
    source = folder / "source"
    source.write_bytes(content)
    key = key_of(hashlib.sha256(content).hexdigest())
    await store.keep(source, key)
    source.unlink()
    return key


async def read(store: Store, key: str, start: int, end: int) -> bytes:
    return b"".join([piece async for piece in store.read(key, start, end)])


@pytest.mark.parametrize("content", [b"", b"x", LARGE], ids=["nothing", "a byte", "many parts"])
async def test_what_was_kept_comes_back_whole_or_in_part(store, content, tmp_path):
    key = await kept(store, content, tmp_path)
    assert await store.size(key) == len(content)
    assert await read(store, key, 0, len(content)) == content
    for start, end in ((0, 1), (len(content) // 2, len(content)), (len(content) - 1, len(content)), (3, 3)):
        if 0 <= start <= end <= len(content):
            assert await read(store, key, start, end) == content[start:end]
    await store.copy_out(key, tmp_path / "copy")
    assert (tmp_path / "copy").read_bytes() == content


async def test_the_same_content_lies_once_and_is_not_written_over(store, tmp_path):
    key = await kept(store, PHOTO, tmp_path)
    await asyncio.gather(*[kept(store, PHOTO, folder(tmp_path, n)) for n in range(4)])
    found = [content async for content in store.contents()]
    assert [(one.key, one.sha256, one.size) for one in found] == [(key, hashlib.sha256(PHOTO).hexdigest(), len(PHOTO))]
    assert abs(datetime.now(UTC) - found[0].modified) < timedelta(minutes=1)


def folder(parent: Path, n: int) -> Path:
    made = parent / str(n)
    made.mkdir()
    return made


async def test_what_is_not_there_is_said_to_be_missing(store, tmp_path):
    nowhere = key_of("0" * 64)
    assert await store.size(nowhere) is None
    assert await store.drop_old(nowhere, datetime.now(UTC)) is False
    with pytest.raises(FileNotFoundError):
        await read(store, nowhere, 0, 10)
    with pytest.raises(FileNotFoundError):
        await store.copy_out(nowhere, tmp_path / "copy")


async def test_what_came_after_the_limit_is_not_dropped(store, tmp_path):
    key = await kept(store, PHOTO, tmp_path)
    assert await store.drop_old(key, datetime.now(UTC) - timedelta(minutes=1)) is False
    assert await store.size(key) == len(PHOTO)
    assert await store.drop_old(key, datetime.now(UTC) + timedelta(minutes=1)) is True
    assert await store.size(key) is None
    assert [one async for one in store.contents()] == []


async def test_a_folder_on_another_file_system_gets_a_copy(tmp_path):
    elsewhere = Path("/dev/shm")
    if not elsewhere.is_dir() or elsewhere.stat().st_dev == tmp_path.stat().st_dev:
        pytest.skip("there is no other file system")
    name = elsewhere / f"qifang-{new_id()}"
    store = FolderStore(name)
    try:
        key = await kept(store, PHOTO, tmp_path)
        assert (name / key).read_bytes() == PHOTO
        assert list((name / stores.INCOMING).iterdir()) == []
    finally:
        subprocess.run(["rm", "-r", str(name)], check=True)


def test_a_setting_that_names_no_store_stops_the_start():
    for wrong in ("s3:///prefix", "s3:bucket", "s3://"):
        with pytest.raises(SystemExit, match="files"):
            read_settings({"QIFANG_FILES": wrong})
    for right in ("s3://bucket", "s3://bucket/a/b", "/srv/files", "files", ""):
        read_settings({"QIFANG_FILES": right})


@pytest.fixture
def all_in_the_bucket(bucket, tmp_path, monkeypatch) -> Store:
    """The product keeps its files in the bucket for the length of a test."""
    made = open_store(
        told(files=f"s3://qifang/{tmp_path.name}", files_endpoint=bucket, files_key="k", files_key_secret="s")
    )
    stores.store.cache_clear()
    monkeypatch.setattr("server.files.store.open_store", lambda _: made)
    yield made
    stores.store.cache_clear()


async def test_rule_19_a_photo_goes_into_the_bucket_and_comes_back(donghu, all_in_the_bucket):
    from server.files.pictures.thumbnails import make_thumbnails
    from tests.server.photos import photo

    content = photo()
    path = await begin(donghu.zhou, content)
    assert (await send(donghu.zhou, path, content)).status_code == 204
    assert (await donghu.zhou.client.get(f"/v1{path}")).content == content
    part = await donghu.zhou.client.get(f"/v1{path}", headers={"Range": "bytes=5-9"})
    assert (part.status_code, part.content) == (206, content[5:10])
    assert await make_thumbnails() == 1
    assert (await donghu.zhou.client.get(f"/v1{path}/thumbnail")).status_code == 200
    assert len([one async for one in all_in_the_bucket.contents()]) == 2
    async for one in all_in_the_bucket.contents():
        await all_in_the_bucket.drop(one.key)
    lost = await donghu.zhou.client.get(f"/v1{path}")
    assert (lost.status_code, lost.json()["code"]) == (503, "file.lost")


async def test_a_backup_takes_files_out_of_the_bucket(donghu, all_in_the_bucket, tmp_path):
    import tarfile

    from server.keeping.backup import write_backup
    from server.keeping.doctor import examine

    path = await begin(donghu.zhou, PHOTO)
    assert (await send(donghu.zhou, path, PHOTO)).status_code == 204
    await write_backup(tmp_path / "all.tar.gz", lambda *_: None)
    key = key_of(hashlib.sha256(PHOTO).hexdigest())
    with tarfile.open(tmp_path / "all.tar.gz") as archive:
        assert archive.extractfile(f"files/{key}").read() == PHOTO
    assert [finding.state for finding in await examine() if finding.name == "files"] == ["ok"]
    await all_in_the_bucket.drop(key)
    (finding,) = [finding for finding in await examine() if finding.name == "files"]
    assert (finding.state, "1 of the newest 1 files" in finding.says) == ("fail", True)
