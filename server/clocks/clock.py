"""What clocks there are and what they listen to: the events of an issue and who starts, renews, ends or voids what."""

from __future__ import annotations

from datetime import date, datetime

from msgspec import Struct


class Event(Struct, frozen=True):
    """Something that starts, stops or moves a clock (`EVENTS`). `until` is the new last day of an extension of `clock`."""

    name: str
    at: datetime
    until: date | None = None
    clock: str = ""


EVENTS: dict[str, tuple[str, str]] = {
    "opened": ("收到", "received"),
    "accepted": ("重新受理", "accepted after all"),
    "dispatched": ("派单", "dispatched"),
    "return_requested": ("申请退回", "return requested"),
    "returned": ("同意退回", "return granted"),
    "kept": ("不同意退回", "return denied"),
    "signed": ("签收", "signed for"),
    "contacted": ("联系企业", "enterprise contacted"),
    "noted": ("记录进展", "progress noted"),
    "co_asked": ("请协办", "co-unit asked"),
    "co_answered": ("协办反馈", "co-unit answered"),
    "waiting": ("待企业补充", "waiting for the enterprise"),
    "resumed": ("恢复办理", "resumed"),
    "on_account": ("挂账", "put on account"),
    "reviewed": ("挂账检查", "account reviewed"),
    "off_account": ("结束挂账", "taken off account"),
    "transferred": ("转上级", "sent outside"),
    "reminded": ("催办外部", "reminded outside"),
    "replied": ("答复", "answered"),
    "sent_back": ("审核退回", "sent back by the reviewer"),
    "signed_off": ("审核通过", "signed off"),
    "called_back": ("回访", "called back"),
    "reopened": ("退回重办", "to be redone"),
    "extension_asked": ("申请延期", "extension asked for"),
    "extended": ("批准延期", "extended"),
    "extension_refused": ("不同意延期", "extension refused"),
    "escalated": ("提级", "escalated"),
    "settled": ("结束提级", "escalation settled"),
    "ended": ("办结", "ended"),
}


class Clock(Struct, frozen=True):
    """One clock. It starts at each of `starts` (only the first, when `once`), starts anew at `renews` while it runs, is met
    at `ends`, runs on at `resumes`, and is void after `voids`."""

    name: str
    zh: str
    en: str
    starts: frozenset[str]
    ends: frozenset[str]
    resumes: frozenset[str] = frozenset()
    voids: frozenset[str] = frozenset()
    renews: frozenset[str] = frozenset()
    once: bool = False
    stands_still: bool = True
    """Whether it stops while the issue waits for the enterprise, stands on account or is outside. Those that do not are the
    ones that watch over just that."""
    is_grave: bool = True
    """Whether being late by more than five working days goes to the coordinator."""


def _clock(
    name: str,
    zh: str,
    en: str,
    starts: str,
    ends: str,
    resumes: str = "",
    voids: str = "",
    renews: str = "",
    **flags: bool,
) -> Clock:
    def words(text: str) -> frozenset[str]:
        return frozenset(text.split())

    return Clock(name, zh, en, words(starts), words(ends), words(resumes), words(voids), words(renews), **flags)


CLOCKS: tuple[Clock, ...] = (
    # The enterprise's clocks run from the day we received its words, whoever handles them.
    _clock("triage", "受理", "triage", "opened accepted returned", "dispatched transferred ended"),
    _clock("solve", "办结", "solve", "opened", "signed_off ended", "accepted", "", once=True),
    _clock("hard_stop", "最长时限", "hard stop", "opened", "ended", "accepted reopened", once=True),
    # A unit's clocks run from dispatch and begin anew when the issue goes to another unit.
    _clock("sign", "签收", "sign", "dispatched", "signed contacted replied ended", "", "returned"),
    _clock("first_contact", "首次联系企业", "first contact", "dispatched", "contacted replied ended", "", "returned"),
    _clock("interim", "阶段反馈", "interim note", "signed sent_back off_account", "replied transferred on_account ended",
           "", "returned", "noted contacted", is_grave=False),
    _clock("reply", "答复", "reply", "dispatched", "replied ended", "sent_back", "returned reopened"),
    _clock("redo", "重办", "redo", "reopened", "replied ended", "sent_back"),
    # Steps that others are waited for.
    _clock("return_decision", "退回审定", "decide return", "return_requested", "returned kept ended"),
    _clock("co_reply", "协办反馈", "co-unit's answer", "co_asked", "co_answered replied ended", is_grave=False),
    _clock("review", "审核", "review", "replied", "sent_back signed_off ended"),
    _clock("callback", "回访", "call-back", "signed_off", "called_back reopened ended"),
    _clock("escalation", "提级处理", "settle the escalation", "escalated", "settled ended", is_grave=False),
    _clock("wait", "等待企业", "wait for the enterprise", "waiting", "resumed ended", stands_still=False),
    _clock("account_review", "挂账检查", "account review", "on_account", "off_account replied ended", "", "", "reviewed",
           stands_still=False),
    _clock("reminder", "外部催办", "outside reminder", "transferred", "replied ended", "", "", "reminded",
           stands_still=False),
)  # fmt: skip
BY_NAME = {clock.name: clock for clock in CLOCKS}
PAUSE = {"waiting", "on_account", "transferred"}
UNPAUSE = {"resumed", "off_account", "replied", "ended"}


def _affected() -> dict[str, list[tuple[Clock, str]]]:
    table: dict[str, list[tuple[Clock, str]]] = {}
    for clock in CLOCKS:
        for role in ("starts", "ends", "resumes", "voids", "renews"):
            for name in getattr(clock, role):
                table.setdefault(name, []).append((clock, role))
    return table


AFFECTED = _affected()
"""Which clocks an event concerns, and how."""


class Extension(Struct, frozen=True, kw_only=True):
    """A new last day that was asked for, granted or refused. `before` is the last day as it stood at the decision."""

    asked_at: datetime | None
    decided_at: datetime | None = None
    outcome: str = "asked"
    """asked, granted or refused."""
    before: date | None = None
    until: date | None = None


class Run(Struct):
    """One clock on its way through the events."""

    event: str
    started_at: datetime
    starts: int = 1
    ended_at: datetime | None = None
    ended_by: str = ""
    extensions: list[Extension] = []
    until: date | None = None
    extended_at: datetime | None = None
    earlier: list[tuple[datetime, datetime]] = []
    """Rounds of a clock that rolls: start and renewal."""


def turn(runs: dict[str, Run], clock: Clock, role: str, event: Event) -> None:
    """What one event does to one clock."""
    run = runs.get(clock.name)
    if role == "starts":
        if run is None or not clock.once:
            runs[clock.name] = Run(event.name, event.at, run.starts + 1 if run is not None else 1)
    elif run is None:
        return
    elif role == "voids":
        del runs[clock.name]
    elif role == "resumes":
        run.ended_at, run.ended_by = None, ""
    elif role == "renews":
        if run.ended_at is None:
            at = max(event.at, run.started_at)
            runs[clock.name] = Run(event.name, at, run.starts + 1, earlier=[*run.earlier, (run.started_at, at)])
    elif run.ended_at is None:
        run.ended_at, run.ended_by = max(event.at, run.started_at), event.name


def extend(run: Run, event: Event) -> None:
    """Asked, granted or refused. A decision without a request (an older timeline) stands alone."""
    if event.name == "extension_asked":
        run.extensions = [*run.extensions, Extension(asked_at=event.at, until=event.until)]
        return
    asked = run.extensions[-1] if run.extensions and run.extensions[-1].outcome == "asked" else None
    before = run.extensions[:-1] if asked is not None else run.extensions
    asked_at = asked.asked_at if asked is not None else None
    if event.name == "extended" and event.until is not None:
        decided = Extension(
            asked_at=asked_at, decided_at=event.at, outcome="granted", before=run.until, until=event.until
        )
        run.until, run.extended_at = event.until, event.at
    else:
        until = asked.until if asked is not None else event.until
        decided = Extension(asked_at=asked_at, decided_at=event.at, outcome="refused", before=run.until, until=until)
    run.extensions = [*before, decided]
