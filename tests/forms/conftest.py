"""The workbooks of `fixtures/`, converted once for all tests."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

from forms.publishing.build import build
from forms.publishing.outcome import Outcome
from forms.workbook.door import USUAL

WORKBOOKS = Path(__file__).parent / "fixtures" / "workbooks"


@cache
def _outcome(name: str) -> Outcome:
    # In this process: `test_xlsform.py` shows that the child process gives the same, at half a second a workbook.
    return build((WORKBOOKS / f"{name}.xlsx").read_bytes(), {}, USUAL)


@pytest.fixture(scope="session")
def outcome() -> Callable[[str], Outcome]:
    """`outcome("20_repeats")`: what came of the workbook of that name."""
    return _outcome
