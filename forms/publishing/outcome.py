"""What the converting process answers."""

from __future__ import annotations

from msgspec import Struct

from forms.complaint import Complaint
from forms.definition import Form


class Outcome(Struct, kw_only=True):
    """What came of a workbook. `form` and `xform` are there when there is no complaint."""

    complaints: list[Complaint] = []
    warnings: list[Complaint] = []
    form: Form | None = None
    xform: str = ""
    generated: dict[str, bytes] = {}
    """Files that pyxform makes beside the XForm: `itemsets.csv` of `external_choices`."""
