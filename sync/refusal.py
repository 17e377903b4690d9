"""How this software says no: expected, explained, actionable. Anything else that is raised is a bug."""

from __future__ import annotations

from typing import Any


class Refusal(Exception):
    """`code` is `noun.reason` for programs, `status` what an HTTP door answers, `zh` and `en` sentences a person can act on,
    `details` what a client may need to go on."""

    def __init__(self, code: str, status: int, zh: str, en: str, **details: Any) -> None:
        super().__init__(f"{code}: {en}")
        self.code = code
        self.status = status
        self.zh = zh
        self.en = en
        self.details = details
