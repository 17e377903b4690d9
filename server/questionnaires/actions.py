"""Publishing a workbook, taking a form back, finding a version. A published version never changes."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import date
from uuid import UUID

import msgspec
from msgspec import Struct
from piccolo.columns.combination import And

import sync.feed
from forms.compare import Change, compare
from forms.complaint import Complaint
from forms.definition import Form as Definition
from forms.xlsform import Conversion, Limits, WorkbookRefused, convert_async
from server.audit.actions import record_event
from server.moment import now
from server.people.actor import Actor
from server.questionnaires.tables import Form, FormMedia, FormVersion
from server.refusals import refusal
from server.settings import settings
from sync.identity import new_id
from sync.transaction import execute, transaction

KIND = "form"
SCOPE = "reference:forms"
MEDIA_FILES_MAX = 200
MEDIA_NAME_MAX = 120
FILE_NAME_MAX = 200
"""Of the workbook: kept for people to recognise, so cut rather than refused."""


class ComplaintOut(Struct, frozen=True):
    """One thing to mend in a workbook: where, what is wrong, what to write instead."""

    code: str
    sheet: str
    row: int
    column: str
    zh: str
    en: str
    instead: str


class PublishedForm(Struct, frozen=True, kw_only=True):
    id: UUID
    form_id: str
    version: str
    title: dict[str, str]
    version_id: UUID
    is_new: bool
    """False when exactly this workbook had been published before."""
    warnings: list[ComplaintOut]


async def check_workbook(content: bytes, file_name: str, media: Mapping[str, bytes] = {}) -> Conversion:
    """Converts in a process of its own and stores nothing. Raises `form.refused` with every complaint at once."""
    limits = Limits(
        seconds=settings.workbook_seconds_max,
        memory_mib=settings.workbook_memory_mib_max,
        file_bytes=settings.workbook_bytes_max,
    )
    try:
        conversion = await convert_async(content, file_name=file_name, limits=limits, attachments=media)
    except WorkbookRefused as refused:
        raise _refused(refused.complaints) from None
    return conversion


async def publish_form(actor: Actor, content: bytes, file_name: str, media: Mapping[str, bytes] = {}) -> PublishedForm:
    """Raises `form.refused`, `form.media_name`, and `form.version_exists` when this version is out with another content.

    Publishing the same workbook with the same files again changes nothing and answers as the first time.
    """
    actor.must("form.publish")
    _check_media(media)
    conversion = await check_workbook(content, file_name, media)
    definition = conversion.form
    version = FormVersion(
        id=new_id(),
        bureau=actor.bureau,
        form_id=definition.id,
        version=definition.version,
        definition=msgspec.json.encode(definition).decode(),
        xform=conversion.xform,
        workbook=content,
        file_name="".join(filter(str.isprintable, file_name))[:FILE_NAME_MAX],
        digest=digest_of(content, media),
        warnings=msgspec.json.encode(complaints_out(conversion.warnings)).decode(),
        valid_until=_last_day(definition),
        published_at=now(),
        published_by=actor.person,
    )
    before = await _current_definition(actor.bureau, definition.id)
    if before is not None:
        version.changes = msgspec.json.encode(compare(before, definition)).decode()
    async with transaction():
        stored = await _store_version(version)
        if stored.digest != version.digest:
            raise refusal("form.version_exists", form=definition.id, version=definition.version)
        is_new = stored.id == version.id
        if is_new:
            await _store_media(version, {**conversion.generated, **media})
            await _make_current(version, definition)
        form = await find_form(actor, definition.id)
        if is_new:
            sync.feed.touch(actor.bureau, KIND, form.id)
            await record_event(actor, "form.publish", KIND, form.id, {"form": form.form_id, "version": stored.version})
    return PublishedForm(
        id=form.id,
        form_id=form.form_id,
        version=stored.version,
        title=definition.title,
        version_id=stored.id,
        is_new=is_new,
        warnings=complaints_out(conversion.warnings),
    )


async def retire_form(actor: Actor, form_id: str) -> None:
    """No new records from now on. Those already filled in are still taken, against the version they name."""
    actor.must("form.publish")
    async with transaction():
        form = await find_form(actor, form_id)
        if form.retired_at is None:
            await Form.update({Form.retired_at: now()}).where(Form.id == form.id)
            sync.feed.touch(actor.bureau, KIND, form.id)
            await record_event(actor, "form.retire", KIND, form.id, {"form": form_id})


async def find_form(actor: Actor, form_id: str) -> Form:
    form = await Form.objects().get((Form.bureau == actor.bureau) & (Form.form_id == form_id))
    if form is None:
        raise refusal("form.unknown", form=form_id)
    return form


async def find_version(actor: Actor, form_id: str, version: str) -> FormVersion:
    """Every version ever published answers, also of a retired form."""
    found = await FormVersion.objects().get(_named(actor.bureau, form_id, version))
    if found is None:
        raise refusal("form.version_unknown", form=form_id, version=version)
    return found


def digest_of(content: bytes, media: Mapping[str, bytes]) -> str:
    """One digest for the workbook and the files beside it, whatever their order."""
    digest = hashlib.sha256(hashlib.sha256(content).digest())
    for name in sorted(media):
        digest.update(name.encode() + b"\0" + hashlib.sha256(media[name]).digest())
    return digest.hexdigest()


def complaints_out(complaints: tuple[Complaint, ...] | list[Complaint]) -> list[ComplaintOut]:
    return [
        ComplaintOut(one.code, one.where.sheet, one.where.row, one.where.column, one.zh, one.en, one.instead)
        for one in complaints
    ]


def _refused(complaints: list[Complaint]) -> Exception:
    return refusal("form.refused", count=len(complaints), complaints=complaints_out(complaints))


def _check_media(media: Mapping[str, bytes]) -> None:
    for name, content in media.items():
        is_plain = name.isprintable() and name == name.strip(". ") and not any(sign in name for sign in '/\\:"')
        if not name or len(name) > MEDIA_NAME_MAX or not is_plain:
            raise refusal("form.media_name", name=name)
        if len(content) > settings.workbook_bytes_max:
            raise refusal("form.media_too_large", name=name, limit_bytes=settings.workbook_bytes_max)
    if len(media) > MEDIA_FILES_MAX:
        raise refusal("form.media_too_many", limit=MEDIA_FILES_MAX)


def _last_day(definition: Definition) -> date | None:
    written = definition.header.valid_until if definition.header is not None else ""
    return date.fromisoformat(written) if written else None


async def changes_since(actor: Actor, form_id: str, version: str) -> list[Change]:
    """What differs between a version and the current one, and what that does to answers already given."""
    old = await find_version(actor, form_id, version)
    new = await _current_definition(actor.bureau, form_id)
    assert new is not None
    return compare(msgspec.json.decode(old.definition, type=Definition), new)


async def _current_definition(bureau: UUID, form_id: str) -> Definition | None:
    form = await Form.objects().get((Form.bureau == bureau) & (Form.form_id == form_id))
    if form is None:
        return None
    current = await FormVersion.objects().get(FormVersion.id == form.current)
    assert current is not None
    return msgspec.json.decode(current.definition, type=Definition)


def _named(bureau: UUID, form_id: str, version: str) -> And:
    return (FormVersion.bureau == bureau) & (FormVersion.form_id == form_id) & (FormVersion.version == version)


async def _store_version(version: FormVersion) -> FormVersion:
    """The version now stored under this name: ours, or the one that was there, also when two publish at once."""
    await FormVersion.insert(version).on_conflict(action="DO NOTHING")
    stored = await FormVersion.objects().get(_named(version.bureau, version.form_id, version.version))
    assert stored is not None
    return stored


async def _store_media(version: FormVersion, media: Mapping[str, bytes]) -> None:
    for name, content in media.items():
        await FormMedia(
            id=new_id(),
            bureau=version.bureau,
            form_version=version.id,
            name=name,
            sha256=hashlib.sha256(content).hexdigest(),
            content=content,
        ).save()


async def _make_current(version: FormVersion, definition: Definition) -> None:
    """Raw SQL: Piccolo cannot name the two columns a form is unique by."""
    await execute(
        "INSERT INTO form (id, bureau, form_id, title, current, created_at) VALUES ($1, $2, $3, $4, $5, $6)"
        " ON CONFLICT (bureau, form_id)"
        " DO UPDATE SET title = excluded.title, current = excluded.current, retired_at = NULL",
        [
            new_id(),
            version.bureau,
            version.form_id,
            msgspec.json.encode(definition.title).decode(),
            version.id,
            version.published_at,
        ],
    )
