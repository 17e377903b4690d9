"""What an author is told about a workbook that cannot be published."""

from __future__ import annotations

from msgspec import Struct

from forms.definition import Source


class Complaint(Struct, frozen=True, kw_only=True):
    """One thing to mend. Publishing gathers every complaint at once and stores nothing while there is one."""

    code: str
    """`form.unknown_question`, `form.cycle` … : stable, for programs."""
    where: Source
    zh: str
    en: str
    instead: str = ""
    """What to write instead, when that can be said."""
