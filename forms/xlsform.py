"""A workbook → what we publish: our `Form` and pyxform's XForm, or every complaint at once with sheet, row and column."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct

from forms import conversion
from forms.complaint import Complaint
from forms.definition import Form
from forms.publishing.outcome import Outcome
from forms.workbook.door import USUAL, Limits, examine

__all__ = ["Complaint", "Conversion", "Limits", "WorkbookRefused", "convert", "convert_async"]


class Conversion(Struct, frozen=True, kw_only=True):
    """A workbook that may be published."""

    form: Form
    xform: str
    """XForm XML exactly as pyxform wrote it, for ODK Collect, KoboCollect and Enketo."""
    warnings: tuple[Complaint, ...] = ()
    """What looks doubtful but is no reason to refuse."""
    generated: dict[str, bytes] = {}
    """Files made from the workbook that stock apps fetch beside the XForm (`itemsets.csv`)."""


class WorkbookRefused(Exception):
    """Nothing is published. `complaints` holds everything that was found, in the order of the workbook."""

    def __init__(self, complaints: list[Complaint]) -> None:
        super().__init__(
            "\n".join(f"{one.where.sheet} {one.where.row} {one.where.column}: {one.en}" for one in complaints)
        )
        self.complaints = complaints


def convert(
    content: bytes, *, file_name: str, limits: Limits = USUAL, attachments: Mapping[str, bytes] = {}
) -> Conversion:
    """`attachments` are files given along with the workbook; list files among them are checked. Raises `WorkbookRefused`."""
    _enter(content, file_name, limits)
    return _leave(conversion.run(content, attachments, limits))


async def convert_async(
    content: bytes, *, file_name: str, limits: Limits = USUAL, attachments: Mapping[str, bytes] = {}
) -> Conversion:
    """`convert` for an event loop."""
    _enter(content, file_name, limits)
    return _leave(await conversion.run_async(content, attachments, limits))


def _enter(content: bytes, file_name: str, limits: Limits) -> None:
    if complaints := examine(content, file_name, limits):
        raise WorkbookRefused(complaints)


def _leave(outcome: Outcome) -> Conversion:
    if outcome.form is None:
        raise WorkbookRefused(outcome.complaints)
    return Conversion(
        form=outcome.form,
        xform=outcome.xform,
        warnings=tuple(outcome.warnings),
        generated=outcome.generated,
    )
