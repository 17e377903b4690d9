"""Which verbs may be used on many issues at once, which of them can be taken back, and why the others cannot."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
from msgspec import Struct

from server.issues.fields import Nothing, Reason, Words
from server.issues.queue.snoozing import Snooze
from server.issues.states import VERBS
from server.refusals import refusal

SNOOZE, WAKE = "snooze", "wake"

_ONE_BY_ONE = {
    "open": "a report opens it", "submit": "only its author submits a draft", "call_back": "each reporter is called by somebody",
    "split": "it names reports of one issue", "link_report": "it names a report of one issue",
    "confirm_link": "it names a report of one issue", "reject_link": "it names a report of one issue",
    "unlink_report": "it names a report of one issue",
}  # fmt: skip
"""Verbs that are about one issue alone."""

_BACK: dict[str, tuple[str, Callable[[str], Struct]]] = {
    "merge": ("unmerge", lambda reason: Reason(reason=reason)),
    "exclude": ("include", lambda reason: Reason(reason=reason)),
    "include": ("exclude", lambda reason: Reason(reason=reason)),
    "refuse": ("accept_again", lambda reason: Reason(reason=reason)),
    SNOOZE: (WAKE, lambda reason: Nothing()),
}
_NO_BACK = {
    "note": ("写下的留在时间线上", "what was written stays in the timeline"),
    "contacted": ("已与企业联系过", "the enterprise was spoken to"),
    "dispatch": (
        "单位已接到通知、时限已起算;由单位申请退回,或重办时改派",
        "the unit was told and its clocks run; it returns the issue",
    ),
    "assign": ("单位已接到通知、时限已起算;可再次改派", "the unit was told and its clocks run; assign it again"),
    "sign": ("单位已接手;只能申请退回", "the unit has taken it over; only a return gives it back"),
    "reply": ("企业已得到答复", "the enterprise has the answer"),
    "close": ("退回重办是另一项决定,另有时限", "reopening is a decision of its own with its own clock"),
    "escalate": ("相关人员已接到通知;请用“结束提级”", "people were told; settle the escalation instead"),
    "wait_for_enterprise": ("停表已计次;请用“恢复办理”", "the pause has been counted; resume instead"),
    "resume": ("再等待是另一次停表", "waiting again is another pause"),
    "put_on_account": ("时限已停过;请用“结束挂账”", "the clocks stood still meanwhile; take it off account instead"),
}
_NO_BACK_ELSE = (
    "这是已告知他人的决定,时间线上保留",
    "it is a decision that people were told of; its timeline keeps it",
)


class BulkVerb(Struct, frozen=True, kw_only=True):
    verb: str
    zh: str
    en: str
    permission: str
    undo: str
    """The verb that takes it back; empty for none, and the next two say why."""
    why_not_zh: str
    why_not_en: str


def bulk_verbs() -> list[BulkVerb]:
    several = [
        BulkVerb(
            verb=SNOOZE, zh="稍后处理", en="put aside", permission="issue.read", undo=WAKE, why_not_zh="", why_not_en=""
        )
    ]
    for name, verb in VERBS.items():
        if name not in _ONE_BY_ONE:
            undo = _BACK[name][0] if name in _BACK else ""
            zh, en = ("", "") if undo else _NO_BACK.get(name, _NO_BACK_ELSE)
            several.append(
                BulkVerb(
                    verb=name,
                    zh=verb.zh,
                    en=verb.en,
                    permission=verb.permission,
                    undo=undo,
                    why_not_zh=zh,
                    why_not_en=en,
                )
            )
    return several


def fields_of(verb: str, given: dict[str, Any]) -> Struct:
    """Raises `bulk.verb` with what is known, `request.malformed` for fields that are not the verb's."""
    if verb == SNOOZE:
        kind: type[Struct] = Snooze
    elif verb == WAKE:
        kind = Nothing
    elif verb in VERBS and verb not in _ONE_BY_ONE:
        kind = VERBS[verb].fields
    else:
        known = [SNOOZE, *(name for name in VERBS if name not in _ONE_BY_ONE)]
        raise refusal("bulk.verb", verb=verb[:64], known=", ".join(known))
    try:
        return msgspec.convert(given, kind)
    except msgspec.ValidationError as error:
        raise refusal("request.malformed", reason=str(error)) from None


def way_back(verb: str, reason: Words) -> tuple[str, Struct]:
    """The verb that takes it back with its fields. Raises `bulk.no_undo` with the reason."""
    if verb not in _BACK:
        zh, en = _NO_BACK.get(verb, _NO_BACK_ELSE)
        raise refusal("bulk.no_undo", verb=verb, why_zh=zh, why_en=en)
    name, fields = _BACK[verb]
    return name, fields(reason)
