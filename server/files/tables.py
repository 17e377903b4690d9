"""Files that came, or are on their way, from phones and desks."""

from __future__ import annotations

from typing import Any

from piccolo.columns import UUID, BigInt, Text, Timestamptz
from piccolo.table import Table

from server.people.actor import Actor


class UploadedFile(Table, tablename="uploaded_file"):
    """One file, under the id its maker gave it. The bytes lie in the store under `sha256`; until then in a partial file.

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
    state = Text(default="pending")
    created_at = Timestamptz()
    stored_at = Timestamptz(null=True, default=None)
    expires_at = Timestamptz()

    @classmethod
    def visible_to(cls, actor: Actor) -> Any:
        """One's own files; roles that read the whole bureau's records read their files too."""
        query = cls.objects().where(cls.bureau == actor.bureau)
        return query if actor.is_bureau_wide("file.read") else query.where(cls.person == actor.person)
