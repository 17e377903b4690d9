"""Downloads that no browser takes for a page, small pictures, and what is missing."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import quote
from uuid import UUID

from litestar import Request, Response, Router, get
from litestar.params import FromPath, FromQuery
from litestar.response import Stream

from server.files.reading.actions import THUMBNAILS, FileState, list_files, reach_file, reach_thumbnail
from server.files.store import key_of, store
from server.files.tables import UploadedFile
from server.files.upkeep.expected import MissingFile, list_missing
from server.paging import LIMIT_DEFAULT, Page

_RANGE = re.compile(r"bytes=([0-9]{0,18})-([0-9]{0,18})\Z")
_HARMLESS = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; sandbox",
    "Cache-Control": "private, no-cache",
}
FileRequest = Request[Any, Any, Any]


@get("/v1/files")
async def get_files(request: FileRequest, record: FromQuery[UUID]) -> list[FileState]:
    """The files announced for a record, whether they have come or not."""
    return await list_files(request.user, record)


@get("/v1/files/missing")
async def get_missing_files(
    request: FileRequest,
    days: FromQuery[int | None] = None,
    limit: FromQuery[int] = LIMIT_DEFAULT,
    after: FromQuery[str] = "",
) -> Page[MissingFile]:
    """Files that records name and that have not come for `days` days (else as the setting says), the oldest first."""
    return await list_missing(request.user, after=after, limit=limit, days=days)


@get("/v1/files/{file:uuid}")
async def get_file(request: FileRequest, file: FromPath[UUID]) -> Response[Any]:
    """The bytes, whole or one range of them; always as a download, never as a page."""
    row = await reach_file(request.user, file)
    headers = _HARMLESS | {
        "Content-Disposition": f"attachment; filename*=UTF-8''{quote(_plain_name(row))}",
        "ETag": f'"{row.sha256_stored}"',
        "Accept-Ranges": "bytes",
    }
    if request.headers.get("if-none-match") == headers["ETag"]:
        return Response(None, status_code=304, headers=headers)
    start, end, status = _range_of(request.headers.get("range", ""), row.size)
    if status == 416:
        return Response(
            b"",
            status_code=416,
            media_type="application/octet-stream",
            headers={"Content-Range": f"bytes */{row.size}"},
        )
    if status == 206:
        headers["Content-Range"] = f"bytes {start}-{end - 1}/{row.size}"
    headers["Content-Length"] = str(end - start)
    pieces = store().read(key_of(row.sha256_stored), start, end)
    return Stream(pieces, status_code=status, media_type=row.media_type, headers=headers)


@get("/v1/files/{file:uuid}/thumbnail")
async def get_thumbnail(request: FileRequest, file: FromPath[UUID]) -> Response[Any]:
    """A small JPEG of a picture, upright, without anything but pixels."""
    row = await reach_thumbnail(request.user, file)
    headers = _HARMLESS | {"ETag": f'"{row.sha256_stored}-small"'}
    if request.headers.get("if-none-match") == headers["ETag"]:
        return Response(None, status_code=304, headers=headers)
    key = key_of(row.sha256_stored, THUMBNAILS)
    pieces = store().read(key, 0, await store().size(key) or 0)
    return Stream(pieces, media_type="image/jpeg", headers=headers)


def _plain_name(row: UploadedFile) -> str:
    name = re.sub(r"[\x00-\x1f\x7f/\\]", "_", row.name).strip(" .")
    return name or str(row.id)


def _range_of(header: str, size: int) -> tuple[int, int, int]:
    """Start, end (not included) and status; a header that is no single range of bytes is as good as none."""
    found = _RANGE.match(header.strip())
    if found is None or found[0] == "bytes=-":
        return 0, size, 200
    first, last = found[1], found[2]
    if first:
        start, end = int(first), min(int(last) + 1, size) if last else size
    else:
        start, end = max(size - int(last), 0), size
    return (start, end, 206) if start < end else (0, 0, 416)


router = Router("/", route_handlers=[get_files, get_missing_files, get_file, get_thumbnail], tags=["files"])
