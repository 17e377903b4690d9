"""What an operator would check by hand, checked at once: each line says what is well, or what to do."""

from __future__ import annotations

import os
import shutil
import stat
import sys
from datetime import UTC, datetime, timedelta
from typing import Literal

from msgspec import Struct
from obstore.exceptions import BaseError

from server.audit.actions import find_break
from server.files.store import key_of, store
from server.files.upkeep import room
from server.files.upkeep.sweeping import stored_contents
from server.migrate import pending_migrations
from server.moment import now
from server.people.tables import Bureau
from server.settings import settings
from sync.transaction import fetch, is_postgres

PYTHON_LEAST = (3, 11)
FREE_BYTES_MIN = 1024**3
FILES_LOOKED_AT = 200
FULL_SHARE = 0.9
"""From this share of its space on, a bureau is warned."""
CLOCK_SKEW_MAX = timedelta(seconds=10)


class Finding(Struct, frozen=True):
    name: str
    state: Literal["ok", "warn", "fail"]
    says: str


async def examine() -> list[Finding]:
    """Every check, worst first."""
    findings = [
        _python(), _data_folder(), _secret(), _disk(), await _database(), await _migrations(), await _clock(),
    ]  # fmt: skip
    if not await pending_migrations():
        findings += [await _audit(), await _quarantine(), await _files(), await _space()]
    rank = {"fail": 0, "warn": 1, "ok": 2}
    return sorted(findings, key=lambda finding: rank[finding.state])


def _python() -> Finding:
    version = ".".join(map(str, sys.version_info[:3]))
    if sys.version_info < PYTHON_LEAST:
        return Finding("python", "fail", f"{version} is too old; install {'.'.join(map(str, PYTHON_LEAST))} or newer")
    return Finding("python", "ok", version)


def _data_folder() -> Finding:
    folder = settings.data_folder
    if not os.access(folder, os.W_OK):
        return Finding("data folder", "fail", f"{folder} is not writable; set QIFANG_DATA or its owner")
    return Finding("data folder", "ok", str(folder.resolve()))


def _secret() -> Finding:
    path = settings.data_folder / "secret"
    if not path.exists():
        return Finding("secret", "fail", f"{path} is missing: links and phones' places are no longer known; restore it")
    if stat.S_IMODE(path.stat().st_mode) & 0o077:
        return Finding("secret", "fail", f"others can read {path}; run chmod 600 on it")
    return Finding("secret", "ok", "readable by its owner only")


def _disk() -> Finding:
    folder = settings.data_folder.resolve()
    free = shutil.disk_usage(next(place for place in (folder, *folder.parents) if place.exists())).free
    says = f"{free / 1024**3:.1f} GiB free"
    if free < FREE_BYTES_MIN:
        return Finding("disk", "warn", f"{says}; make room before phones are told that nothing can be stored")
    return Finding("disk", "ok", says)


async def _database() -> Finding:
    if is_postgres():
        version = (await fetch("SHOW server_version"))[0][0]
        fsync = (await fetch("SHOW fsync"))[0][0]
        if fsync != "on":
            return Finding(
                "database", "fail", f"PostgreSQL {version} with fsync {fsync}: a power cut loses visits; set fsync = on"
            )
        return Finding("database", "ok", f"PostgreSQL {version}")
    mode = (await fetch("SELECT journal_mode FROM pragma_journal_mode"))[0][0]
    synchronous = (await fetch("SELECT synchronous FROM pragma_synchronous"))[0][0]
    says = f"SQLite, journal {mode}, synchronous {synchronous}"
    if (mode, synchronous) != ("wal", 2):
        return Finding("database", "fail", f"{says}: a power cut loses visits; put the data folder on a local disk")
    return Finding("database", "ok", says)


async def _migrations() -> Finding:
    pending = await pending_migrations()
    if pending:
        return Finding("migrations", "fail", f"{len(pending)} pending; run `qifang migrate`")
    return Finding("migrations", "ok", "up to date")


async def _clock() -> Finding:
    """The clock of the machine against the database's: leases and sessions compare the two."""
    sql = "SELECT now()" if is_postgres() else "SELECT strftime('%Y-%m-%dT%H:%M:%f+00:00', 'now')"
    theirs = (await fetch(sql))[0][0]
    moment = theirs if isinstance(theirs, datetime) else datetime.fromisoformat(theirs)
    skew = abs(now() - moment.astimezone(UTC))
    says = f"{skew.total_seconds():.1f} s from the database's clock"
    if skew > CLOCK_SKEW_MAX:
        return Finding("clock", "warn", f"{says}; let both machines follow one time server (NTP)")
    return Finding("clock", "ok", says)


async def _audit() -> Finding:
    for bureau in await Bureau.objects():
        broken = await find_break(bureau.id)
        if broken is not None:
            return Finding(
                "audit chain",
                "fail",
                f"{bureau.code}: row {broken} does not follow from the one before it: keep a copy and compare it with the last backup",
            )
    return Finding("audit chain", "ok", "unbroken")


async def _quarantine() -> Finding:
    waiting = (await fetch("SELECT count(*) FROM sync_quarantine WHERE state = 'waiting'"))[0][0]
    if waiting:
        return Finding("quarantine", "warn", f"{waiting} operations wait for a supervisor: GET /v1/quarantine")
    return Finding("quarantine", "ok", "empty")


async def _files() -> Finding:
    """The newest contents, asked of the store they are kept in: a lost bucket or folder shows at once."""
    newest = await stored_contents(FILES_LOOKED_AT)
    try:
        lost = [sha256 for sha256 in newest if await store().size(key_of(sha256)) is None]
    except (BaseError, OSError) as error:
        return Finding("files", "fail", f"the store does not answer: {error}; look at QIFANG_FILES and its settings")
    if lost:
        says = f"{len(lost)} of the newest {len(newest)} files are not in the store, {lost[0]} first; restore them"
        return Finding("files", "fail", says)
    return Finding("files", "ok", f"the newest {len(newest)} are in the store")


async def _space() -> Finding:
    limit = settings.file_bytes_per_bureau_max
    for bureau in await Bureau.objects():
        taken = await room.taken(bureau.id)
        if taken > limit * FULL_SHARE:
            says = f"{bureau.code}: {taken / 1024**3:.1f} of {limit / 1024**3:.1f} GiB; raise QIFANG_FILE_BYTES_PER_BUREAU_MAX"
            return Finding("file space", "warn", says)
    return Finding("file space", "ok", f"below {FULL_SHARE:.0%} of the limit in every bureau")
