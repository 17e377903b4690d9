"""Backup, restore and doctor: an archive restores whole or not at all, and says which."""

import io
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Any

import msgspec
import pytest

from server.keeping.archive import Manifest
from server.keeping.backup import write_backup
from server.keeping.doctor import examine
from server.keeping.restore import restore_backup
from server.migrate import migration_ids
from server.moment import now
from server.settings import settings
from sync.refusal import Refusal
from sync.transaction import fetch
from tests.server.fieldwork import phone

pytestmark = pytest.mark.anyio
ROOT = Path(__file__).parent.parent.parent


def silent(_: str, __: int) -> None:
    """Nobody watches."""


def packed(path: Path, *parts: tuple[str, bytes | tarfile.TarInfo], **manifest: Any) -> Path:
    """An archive like ours, of these parts beside the manifest."""
    told = {"format": 1, "made_at": now(), "made_on": "sqlite", "migrations": migration_ids(), "rows": {}} | manifest
    entries = [("manifest.json", msgspec.json.encode(Manifest(**told))), *parts]
    with tarfile.open(path, "w:gz") as archive:
        for name, content in entries:
            if isinstance(content, tarfile.TarInfo):
                content.name = name
                archive.addfile(content)
            else:
                entry = tarfile.TarInfo(name)
                entry.size = len(content)
                archive.addfile(entry, io.BytesIO(content))
    return path


def link_to(target: str) -> tarfile.TarInfo:
    entry = tarfile.TarInfo()
    entry.type, entry.linkname = tarfile.SYMTYPE, target
    return entry


SECRET = ("secret", bytes(32))


@pytest.mark.parametrize(
    "parts",
    [
        [SECRET, ("files/../../stolen", b"x")],
        [SECRET, ("../stolen", b"x")],
        [SECRET, ("/tmp/stolen", b"x")],
        [SECRET, ("files/link", link_to("/etc/passwd"))],
        [SECRET, ("uploads", link_to("/tmp"))],
        [SECRET, ("tables/sync_head.ndjson", b"{}\n")],
        [SECRET, SECRET],
        [("secret", link_to("/etc/hostname"))],
        [],
    ],
    ids=[
        "climbing", "beside", "absolute", "link", "link for a folder", "a table nobody announced", "twice",
        "a link for the secret", "no secret",
    ],
)  # fmt: skip
async def test_an_archive_with_something_else_in_it_is_refused_before_anything_is_written(product, tmp_path, parts):
    before = sorted(settings.data_folder.iterdir())
    with pytest.raises(Refusal, match=r"backup\.unreadable"):
        await restore_backup(packed(tmp_path / "odd.tar.gz", *parts), silent)
    assert sorted(settings.data_folder.iterdir()) == before
    assert not (settings.data_folder.parent / "stolen").exists()


async def test_a_backup_that_lost_its_end_its_rows_or_its_sense_is_refused_before_anything_is_written(donghu, tmp_path):
    whole = tmp_path / "whole.tar.gz"
    await write_backup(whole, silent)
    content = whole.read_bytes()
    broken = {
        "nothing": b"",
        "text": b"no archive",
        "cut early": content[: len(content) // 20],
        "cut": content[: len(content) * 2 // 3],
        "cut at the end": content[:-9],
        "altered": content[: len(content) // 2] + b"\0\xff\0\xff" + content[len(content) // 2 + 4 :],
    }
    for name, rest in broken.items():
        path = tmp_path / f"{name}.tar.gz"
        path.write_bytes(rest)
        with pytest.raises(Refusal) as refused:
            await restore_backup(path, silent)
        assert refused.value.code == "backup.unreadable", name
    fewer = packed(tmp_path / "fewer.tar.gz", SECRET, ("tables/person.ndjson", b""), rows={"person": 7})
    with pytest.raises(Refusal, match=r"backup\.unreadable"):
        await restore_backup(fewer, silent)


async def test_a_restore_over_a_live_bureau_is_refused_and_changes_nothing(donghu, tmp_path):
    path = tmp_path / "monday.tar.gz"
    await write_backup(path, silent)
    secret = (settings.data_folder / "secret").read_bytes()
    with pytest.raises(Refusal, match=r"backup\.not_empty"):
        await restore_backup(path, silent)
    assert (settings.data_folder / "secret").read_bytes() == secret
    assert (await fetch("SELECT count(*) FROM bureau"))[0][0] == 1


async def test_a_restore_into_a_folder_with_somebody_elses_files_is_refused(product, tmp_path):
    theirs = settings.data_folder / "files" / "zz" / "theirs"
    theirs.parent.mkdir(parents=True)
    theirs.write_bytes(b"a photo of another bureau")
    try:
        with pytest.raises(Refusal, match=r"backup\.folder_not_empty"):
            await restore_backup(packed(tmp_path / "empty.tar.gz", SECRET), silent)
    finally:
        theirs.unlink()
        theirs.parent.rmdir()


async def test_a_backup_of_another_version_says_what_to_do(product, tmp_path):
    newer = packed(tmp_path / "newer.tar.gz", SECRET, migrations=[*migration_ids(), "2099-01-01T00:00:00"])
    older = packed(tmp_path / "older.tar.gz", SECRET, migrations=migration_ids()[:-1])
    for path, code in ((newer, "backup.newer"), (older, "backup.older")):
        with pytest.raises(Refusal) as refused:
            await restore_backup(path, silent)
        assert refused.value.code == code


async def test_a_backup_into_a_folder_that_is_not_there_or_onto_a_file_is_refused(product, tmp_path):
    with pytest.raises(Refusal, match=r"backup\.unwritable"):
        await write_backup(tmp_path / "none" / "monday.tar.gz", silent)
    (tmp_path / "there").write_bytes(b"words")
    with pytest.raises(Refusal, match=r"backup\.exists"):
        await write_backup(tmp_path / "there", silent)
    assert [path.name for path in tmp_path.iterdir()] == ["there"], "nothing half-written stays"


async def test_a_backup_keeps_files_and_follows_no_links(donghu, tmp_path):
    device = await phone(donghu, donghu.zhou)
    folder = settings.data_folder / "files" / "zy"
    folder.mkdir(parents=True)
    (folder / "photo").write_bytes(b"a photo")
    (folder / "elsewhere").symlink_to("/etc/hostname")
    (folder / "gone").symlink_to("/nowhere")
    path = tmp_path / "monday.tar.gz"
    try:
        manifest = await write_backup(path, silent)
    finally:
        for one in list(folder.iterdir()):
            one.unlink()
        folder.rmdir()
        await device.client.aclose()
    with tarfile.open(path) as archive:
        kept = archive.getnames()
    assert "files/zy/photo" in kept
    assert not {"files/zy/elsewhere", "files/zy/gone"} & set(kept)
    assert (path.stat().st_mode & 0o777, manifest.rows["bureau"]) == (0o600, 1)


def test_a_backup_of_an_older_version_is_migrated_with_its_rows(tmp_path):
    """The schema it was made with comes first, so that nothing a later migration does passes its rows by."""
    environment = {"PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin", "QIFANG_DATA": str(tmp_path / "data")}
    path = packed(tmp_path / "older.tar.gz", SECRET, migrations=migration_ids()[:2])
    done = subprocess.run(
        ["qifang", "restore", str(path), "--json"], env=environment | {"PYTHONPATH": str(ROOT)}, cwd=ROOT,
        capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    again = subprocess.run(
        ["qifang", "migrate", "--json"], env=environment | {"PYTHONPATH": str(ROOT)}, cwd=ROOT, capture_output=True,
        text=True, timeout=60,
    )  # fmt: skip
    assert again.stdout.strip() == "[]", again.stdout + again.stderr
    assert (tmp_path / "data" / "secret").read_bytes() == bytes(32)


async def test_doctor_says_what_to_do_when_the_data_folder_is_gone(product, tmp_path, monkeypatch):
    import server.keeping.doctor as doctor

    monkeypatch.setattr(doctor, "settings", msgspec.structs.replace(settings, data=str(tmp_path / "none")))
    findings = {finding.name: finding for finding in await examine()}
    assert findings["data folder"].state == "fail"
    assert "QIFANG_DATA" in findings["data folder"].says
    assert findings["secret"].state == "fail"
