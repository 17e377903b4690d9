"""Files that came, or are on their way, from phones and desks."""

from __future__ import annotations

from typing import Any

from piccolo.columns import UUID, BigInt, Boolean, Text, Timestamptz
from piccolo.table import Table

from server.people.actor import Actor


class UploadedFile(Table, tablename="uploaded_file"):
    """One file, under the id its maker gave it. The bytes lie in the store under `sha256_stored`; until then in a partial file.

    `state`: pending (some bytes or none), stored (the whole file, its checksum fits), corrupt (the checksum did not
    fit; its maker sends it again), ended (given up or expired). `media_type` is what the bytes say, not what the
    maker said. `offset` is what had come when the last part ended; the partial file itself is the truth.
    """

    id = UUID(primary_key=True, default=None)
    bureau = UUID()
    person = UUID()
    device = UUID(null=True, default=None)
    record = UUID(null=True, default=None)
    name = Text(default="")
    media_type = Text(default="")
    size = BigInt()
    offset = BigInt(default=0)
    sha256 = Text(default="")
    """As its maker told it, lower-case hex; empty when not told."""
    sha256_received = Text(default="")
    """Of the bytes that came; the file is stored only when it is the one told."""
    sha256_stored = Text(default="")
    """Of the bytes that are kept: another one only where the place was taken out of a photo."""
    metadata = Text(default="")
    """`Upload-Metadata` as it came: tus wants it back with `HEAD`."""
    place = Text(default="")
    """Whether the place is to be taken out of a photo: empty (nobody asked), asked, done."""
    thumbnail = Text(default="")
    """Empty (not tried yet), made, none (not a picture we can draw small)."""
    state = Text(default="pending")
    created_at = Timestamptz()
    stored_at = Timestamptz(null=True, default=None)
    expires_at = Timestamptz()

    @classmethod
    def visible_to(cls, actor: Actor) -> Any:
        """One's own files; roles that read the whole bureau's records read their files too."""
        query = cls.objects().where(cls.bureau == actor.bureau)
        return query if actor.is_bureau_wide("file.read") else query.where(cls.person == actor.person)


class ExpectedFile(Table, tablename="expected_file"):
    """A file that a record names and that has not been stored yet. It goes when the file is stored, or named no more."""

    id = UUID(primary_key=True, default=None)
    bureau = UUID()
    record = UUID()
    file = UUID()
    person = UUID()
    """The record's author."""
    name = Text(default="")
    sha256 = Text(default="")
    is_lost = Boolean(default=False)
    """The phone told that it no longer has it."""
    since = Timestamptz()
    """When the record came."""


class FileSpace(Table, tablename="file_space"):
    """How many bytes a bureau's files take, as they were announced: what its limit is measured against."""

    id = UUID(primary_key=True, default=None)
    """The bureau."""
    bytes = BigInt(default=0)
