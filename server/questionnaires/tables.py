"""Questionnaires: the form a bureau knows by its id, its versions, which never change once published, and their files."""

from __future__ import annotations

from typing import Any
from uuid import UUID as Id

from piccolo.columns import UUID, Bytea, Date, Text, Timestamptz
from piccolo.table import Table


class Form(Table, tablename="form"):
    """A questionnaire under the id its workbook gives. `current` is the version new records are made with."""

    id = UUID(primary_key=True, default=None)
    bureau = UUID()
    form_id = Text()
    title = Text()
    """JSON: language → text, of the current version."""
    current = UUID()
    created_at = Timestamptz()
    retired_at = Timestamptz(null=True, default=None)
    """From then on no new records are made; old ones keep their version."""

    @classmethod
    def of_bureau(cls, bureau: Id) -> Any:
        return cls.objects().where(cls.bureau == bureau).order_by(cls.form_id)


class FormVersion(Table, tablename="form_version"):
    """One published version, kept for ever. Only `retired_at` is ever written again.

    `digest` is over the workbook and the files beside it: the same version with the same digest is published once.
    """

    id = UUID(primary_key=True, default=None)
    bureau = UUID()
    form_id = Text()
    version = Text()
    definition = Text()
    """JSON of `forms.definition.Form`."""
    xform = Text()
    """The XForm exactly as the converter wrote it, for stock phone apps."""
    workbook = Bytea()
    file_name = Text()
    digest = Text()
    warnings = Text(default="[]")
    changes = Text(default="[]")
    """JSON: what differs from the version before, as `forms.compare` says it."""
    valid_until = Date(null=True, default=None)
    """Last day of the legal header's approval (有效期至)."""
    published_at = Timestamptz()
    published_by = UUID()
    retired_at = Timestamptz(null=True, default=None)

    @classmethod
    def versions_of(cls, bureau: Id, form_id: str) -> Any:
        """What to choose from, the newest first, without the heavy columns."""
        columns = (cls.id, cls.version, cls.published_at)
        rows = cls.select(*columns).where((cls.bureau == bureau) & (cls.form_id == form_id))
        return rows.order_by(cls.published_at, ascending=False)


class FormMedia(Table, tablename="form_media"):
    """A file beside one version: pictures, sound, and the lists `select_one_from_file` reads."""

    id = UUID(primary_key=True, default=None)
    bureau = UUID()
    form_version = UUID(index=True)
    name = Text()
    sha256 = Text()
    content = Bytea()

    @classmethod
    def beside(cls, version: Id) -> Any:
        """Names and hashes of a version's files; the content is asked for one by one."""
        return cls.select(cls.name, cls.sha256).where(cls.form_version == version)

    @classmethod
    def named(cls, version: Id, name: str) -> Any:
        return cls.objects().get((cls.form_version == version) & (cls.name == name))
