"""The tus 1.0.0 door for uploads: creation, creation-with-upload, checksum, expiration, termination."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import AsyncIterator
from contextlib import suppress
from email.utils import format_datetime
from typing import Any
from uuid import UUID

from litestar import Request, Response, Router, delete, head, patch, post, route
from litestar.exceptions import InternalServerException
from litestar.params import FromPath

from server.door import problem
from server.files.actions import (
    STORED,
    NewUpload,
    append_upload,
    begin_upload,
    end_upload,
    reach_upload,
    settle_upload,
)
from server.files.partials import HASHES
from server.files.tables import UploadedFile
from server.refusals import refusal
from server.settings import settings
from sync.identity import new_id
from sync.refusal import Refusal

VERSION = "1.0.0"
PART_TYPE = "application/offset+octet-stream"
EXTENSIONS = "creation,creation-with-upload,checksum,expiration,termination"
METADATA_BYTES_MAX = 8192
_SHA256 = re.compile(r"[0-9a-f]{64}\Z")
TusRequest = Request[Any, Any, Any]


def tus_headers(row: UploadedFile | None = None) -> dict[str, str]:
    headers = {"Tus-Resumable": VERSION, "Cache-Control": "no-store"}
    if row is not None:
        headers["Upload-Offset"] = str(row.offset)
        if row.state != STORED:
            headers["Upload-Expires"] = format_datetime(row.expires_at, usegmt=True)
    return headers


def on_tus_refusal(_: TusRequest, refused: Refusal) -> Response[Any]:
    """Every answer names the protocol; a wrong version is told the right one."""
    answer = problem(refused)
    answer.headers["Tus-Resumable"] = VERSION
    if refused.code == "file.version":
        answer.headers["Tus-Version"] = VERSION
    return answer


def _must_speak(request: TusRequest) -> None:
    if request.headers.get("tus-resumable") != VERSION:
        raise refusal("file.version", version=VERSION)


def _number(request: TusRequest, name: str) -> int | None:
    text = request.headers.get(name, "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 16 else None


def read_metadata(header: str) -> dict[str, str]:
    """`key base64,key base64`; a key without a value is empty. Raises `file.metadata`."""
    found: dict[str, str] = {}
    if len(header) > METADATA_BYTES_MAX:
        raise refusal("file.metadata", reason=f"more than {METADATA_BYTES_MAX} bytes")
    for pair in filter(None, (part.strip() for part in header.split(","))):
        key, _, packed = pair.partition(" ")
        if key in found:
            raise refusal("file.metadata", reason=f"{key[:40]} is told twice")
        try:
            found[key] = base64.b64decode(packed, validate=True).decode()
        except (binascii.Error, UnicodeDecodeError):
            raise refusal("file.metadata", reason=f"{key[:40]} is not base64 of UTF-8") from None
        if "\0" in found[key]:
            raise refusal("file.metadata", reason=f"{key[:40]} holds a null character")
    return found


def _announced(request: TusRequest) -> NewUpload:
    size = _number(request, "upload-length")
    if size is None:
        raise refusal("file.length")
    metadata = request.headers.get("upload-metadata", "")
    told = read_metadata(metadata)
    sha256 = told.get("sha256", "").lower()
    if sha256 and not _SHA256.match(sha256):
        raise refusal("file.metadata", reason="sha256 must be 64 hexadecimal digits")
    try:
        id = UUID(told["id"]) if told.get("id") else new_id()
        record = UUID(told["record"]) if told.get("record") else None
    except ValueError:
        raise refusal("file.metadata", reason="id and record must be UUIDs") from None
    name = told.get("name") or told.get("filename", "")
    return NewUpload(id=id, size=size, record=record, name=name, sha256=sha256, metadata=metadata)


def _checksum(request: TusRequest) -> tuple[str, bytes] | None:
    header = request.headers.get("upload-checksum", "")
    if not header:
        return None
    name, _, packed = header.partition(" ")
    try:
        value = base64.b64decode(packed, validate=True)
    except binascii.Error:
        value = b""
    if name not in HASHES or not value:
        raise refusal("file.checksum_algorithm", algorithms=", ".join(HASHES))
    return name, value


def _is_part(request: TusRequest) -> bool:
    return request.headers.get("content-type", "").partition(";")[0].strip().lower() == PART_TYPE


async def _pieces(request: TusRequest) -> AsyncIterator[bytes]:
    """A phone that is cut off has sent what it has sent: the end of the line is the end of the part."""
    with suppress(InternalServerException):
        async for piece in request.stream():
            yield piece


@route(["/files", "/files/{upload:uuid}"], http_method=["OPTIONS"], status_code=204, exclude_from_auth=True)
async def options_files() -> Response[None]:
    headers = {
        "Tus-Resumable": VERSION,
        "Tus-Version": VERSION,
        "Tus-Extension": EXTENSIONS,
        "Tus-Max-Size": str(settings.file_bytes_max),
        "Tus-Checksum-Algorithm": ",".join(HASHES),
    }
    return Response(None, status_code=204, headers=headers)


@post("/files", request_max_body_size=settings.file_bytes_max)
async def post_file(request: TusRequest) -> Response[None]:
    """Announces a file, by the id its maker gave it (metadata `id`, `record`, `name`, `sha256`), and may bring its first bytes."""
    _must_speak(request)
    checksum = _checksum(request)
    row = await begin_upload(request.user, _announced(request))
    row = await reach_upload(request.user, row.id)
    if (_is_part(request) and row.offset == 0) or row.size == 0:
        row = await append_upload(request.user, row.id, 0, _pieces(request), checksum)
    return Response(None, status_code=201, headers=tus_headers(row) | {"Location": f"/files/{row.id}"})


@head("/files/{upload:uuid}")
async def head_file(request: TusRequest, upload: FromPath[UUID]) -> Response[None]:
    """How much has come."""
    return await _head(request, upload)


@patch("/files/{upload:uuid}", status_code=204, request_max_body_size=settings.file_bytes_max)
async def patch_file(request: TusRequest, upload: FromPath[UUID]) -> Response[None]:
    """More bytes, from `Upload-Offset` on."""
    return await _patch(request, upload)


@delete("/files/{upload:uuid}")
async def delete_file(request: TusRequest, upload: FromPath[UUID]) -> Response[None]:
    """Gives an unfinished upload up."""
    return await _delete(request, upload)


@post("/files/{upload:uuid}", request_max_body_size=settings.file_bytes_max)
async def override_file(request: TusRequest, upload: FromPath[UUID]) -> Response[None]:
    """For clients whose network lets only GET and POST through: `X-HTTP-Method-Override` says what is meant."""
    meant = _OVERRIDES.get(request.headers.get("x-http-method-override", "").upper())
    if meant is None:
        raise refusal("route.method")
    return await meant(request, upload)


async def _head(request: TusRequest, upload: UUID) -> Response[None]:
    _must_speak(request)
    row = await settle_upload(request.user, upload)
    told = {"Upload-Metadata": row.metadata} if row.metadata else {}
    return Response(None, status_code=200, headers=tus_headers(row) | {"Upload-Length": str(row.size)} | told)


async def _patch(request: TusRequest, upload: UUID) -> Response[None]:
    _must_speak(request)
    if not _is_part(request):
        raise refusal("file.content_type")
    offset = _number(request, "upload-offset")
    if offset is None:
        raise refusal("file.offset", offset=(await reach_upload(request.user, upload)).offset)
    row = await append_upload(request.user, upload, offset, _pieces(request), _checksum(request))
    return Response(None, status_code=204, headers=tus_headers(row))


async def _delete(request: TusRequest, upload: UUID) -> Response[None]:
    _must_speak(request)
    await end_upload(request.user, upload)
    return Response(None, status_code=204, headers=tus_headers())


_OVERRIDES = {"HEAD": _head, "PATCH": _patch, "DELETE": _delete}


router = Router("/", route_handlers=[
    options_files, post_file, head_file, patch_file, delete_file, override_file,
], exception_handlers={Refusal: on_tus_refusal}, tags=["files"])  # fmt: skip
