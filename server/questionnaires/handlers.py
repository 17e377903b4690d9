"""Forms and their versions over HTTP: publish, list, read, fetch the XForm and the files beside it."""

from __future__ import annotations

import mimetypes
from datetime import date, datetime
from typing import Any
from uuid import UUID

import msgspec
from litestar import Request, Response, Router, get, post
from litestar.datastructures import UploadFile
from litestar.params import FromPath, FromQuery
from msgspec import Raw, Struct

from forms.compare import Change
from server.people.actor import Actor
from server.questionnaires.actions import (
    ComplaintOut,
    PublishedForm,
    changes_since,
    find_form,
    find_version,
    publish_form,
    retire_form,
)
from server.questionnaires.tables import Form, FormMedia, FormVersion
from server.refusals import refusal
from server.settings import settings

WORKBOOK_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
UPLOAD_BYTES_MAX = 4 * settings.workbook_bytes_max
"""A workbook with the files beside it, in one request."""


class FormOut(Struct, frozen=True):
    id: UUID
    form_id: str
    title: dict[str, str]
    current: UUID
    retired_at: datetime | None


class VersionLine(Struct, frozen=True):
    id: UUID
    version: str
    published_at: datetime
    is_current: bool


class MediaOut(Struct, frozen=True):
    name: str
    sha256: str


class FormWithVersions(Struct, frozen=True):
    id: UUID
    form_id: str
    title: dict[str, str]
    retired_at: datetime | None
    versions: list[VersionLine]
    """The newest first."""


class VersionOut(Struct, frozen=True, kw_only=True):
    id: UUID
    form_id: str
    version: str
    published_at: datetime
    valid_until: date | None
    digest: str
    file_name: str
    media: list[MediaOut]
    warnings: list[ComplaintOut]
    changes: Raw
    definition: Raw


@get("/forms")
async def list_forms(request: Request[Any, Any, Any]) -> list[FormOut]:
    request.user.must("form.read")
    forms = await Form.of_bureau(request.user.bureau)
    return [
        FormOut(form.id, form.form_id, msgspec.json.decode(form.title), form.current, form.retired_at) for form in forms
    ]


@post("/forms", request_max_body_size=UPLOAD_BYTES_MAX)
async def create_form_version(
    request: Request[Any, Any, Any], file_name: FromQuery[str] = "form.xlsx"
) -> PublishedForm:
    """The body is the workbook itself, or multipart with one part `workbook` and any number of parts `media`."""
    media: dict[str, bytes] = {}
    if request.headers.get("content-type", "").startswith("multipart/form-data"):
        parts = await request.form()
        uploads = [(name, part) for name, part in parts.multi_items() if isinstance(part, UploadFile)]
        workbooks = [part for name, part in uploads if name == "workbook"]
        if len(workbooks) != 1:
            raise refusal("request.malformed", reason="multipart needs exactly one part named workbook")
        content, file_name = await workbooks[0].read(), workbooks[0].filename
        media = {part.filename: await part.read() for name, part in uploads if name != "workbook"}
    else:
        content = await request.body()
    # Not `once`: publishing again changes nothing by itself, and converting takes seconds no transaction should last.
    return await publish_form(request.user, content, file_name, media)


@get("/forms/{form_id:str}")
async def show_form(request: Request[Any, Any, Any], form_id: FromPath[str]) -> FormWithVersions:
    request.user.must("form.read")
    form = await find_form(request.user, form_id)
    versions = await FormVersion.versions_of(request.user.bureau, form_id)
    lines = [VersionLine(row["id"], row["version"], row["published_at"], row["id"] == form.current) for row in versions]
    return FormWithVersions(form.id, form.form_id, msgspec.json.decode(form.title), form.retired_at, lines)


@get("/forms/{form_id:str}/versions/{version:str}")
async def show_version(request: Request[Any, Any, Any], form_id: FromPath[str], version: FromPath[str]) -> VersionOut:
    found = await _version_for(request.user, form_id, version)
    media = await FormMedia.beside(found.id)
    return VersionOut(
        id=found.id,
        form_id=found.form_id,
        version=found.version,
        published_at=found.published_at,
        valid_until=found.valid_until,
        digest=found.digest,
        file_name=found.file_name,
        media=[MediaOut(row["name"], row["sha256"]) for row in media],
        warnings=msgspec.json.decode(found.warnings, type=list[ComplaintOut]),
        changes=Raw(found.changes.encode()),
        definition=Raw(found.definition.encode()),
    )


@get("/forms/{form_id:str}/versions/{version:str}/xform")
async def show_xform(
    request: Request[Any, Any, Any], form_id: FromPath[str], version: FromPath[str]
) -> Response[bytes]:
    """The XForm untouched, byte for byte as it was converted."""
    found = await _version_for(request.user, form_id, version)
    return Response(found.xform.encode(), media_type="text/xml; charset=utf-8")


@get("/forms/{form_id:str}/versions/{version:str}/workbook")
async def show_workbook(
    request: Request[Any, Any, Any], form_id: FromPath[str], version: FromPath[str]
) -> Response[bytes]:
    """The workbook as it was published."""
    found = await _version_for(request.user, form_id, version)
    return _download(found.workbook, WORKBOOK_TYPE)


@get("/forms/{form_id:str}/versions/{version:str}/media/{name:str}")
async def show_media(
    request: Request[Any, Any, Any], form_id: FromPath[str], version: FromPath[str], name: FromPath[str]
) -> Response[bytes]:
    found = await _version_for(request.user, form_id, version)
    media = await FormMedia.named(found.id, name)
    if media is None:
        raise refusal("form.media_unknown", name=name)
    return _download(media.content, mimetypes.guess_type(name)[0] or "application/octet-stream")


@get("/forms/{form_id:str}/changes")
async def list_changes(request: Request[Any, Any, Any], form_id: FromPath[str], since: FromQuery[str]) -> list[Change]:
    """From the version `since` to the current one."""
    request.user.must("form.read")
    return await changes_since(request.user, form_id, since)


@post("/forms/{form_id:str}/retirement", status_code=204)
async def create_retirement(request: Request[Any, Any, Any], form_id: FromPath[str]) -> None:
    await retire_form(request.user, form_id)


async def _version_for(actor: Actor, form_id: str, version: str) -> FormVersion:
    actor.must("form.read")
    return await find_version(actor, form_id, version)


def _download(content: bytes, media_type: str) -> Response[bytes]:
    """Never shown inline: a picture of ours may be anybody's upload."""
    headers = {"Content-Disposition": "attachment", "X-Content-Type-Options": "nosniff"}
    return Response(content, media_type=media_type, headers=headers)


router = Router("/v1", route_handlers=[
    list_forms, create_form_version, show_form, show_version, show_xform, show_workbook, show_media, list_changes,
    create_retirement,
], tags=["forms"])  # fmt: skip
