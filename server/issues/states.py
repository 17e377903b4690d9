"""The state machine of an issue, as data: states, verbs, moves. The engine in `actions.py` knows no verb by name in order to
judge a move; `docs/issues.md` shows these tables and a test compares every row.

What a verb asks for stands in `fields.py`, what it does beside moving in `steps/effects.py`.
"""

from __future__ import annotations

from msgspec import Struct

from server.issues import fields


class State(Struct, frozen=True):
    """`is_open`: in the queue, somebody must move it on."""

    code: str
    zh: str
    en: str
    is_open: bool
    waits_for: str
    """Who moves it on."""


class Verb(Struct, frozen=True):
    """Something a person may do to an issue.

    `where` says whose issue it must be for the person holding `permission`: "lead" (the lead unit lies in the person's
    reach), "units" (the lead unit or a co-unit does), "any" (whoever may see it). `route` is the resource under /v1/issues/{issue}.
    """

    name: str
    zh: str
    en: str
    permission: str
    where: str
    route: str
    fields: type[Struct]
    clock: str = ""
    """The clock event it is; outcomes may name another (`Move.clock`)."""
    offline: bool = False
    """Also an operation `issue.<name>` a phone may send."""


ANY, LEAD = "any", "lead"
HELPS = "units"
"""The lead may note what a silent co-unit said on the telephone; else its issue would wait for ever."""


class Move(Struct, frozen=True):
    """`verb` with `outcome` takes an issue from `source` to `target`. An equal pair is a verb that does not move it."""

    verb: str
    source: str
    target: str
    outcome: str = ""
    clock: str | None = None
    """The clock event of this outcome where it is not the verb's; empty for none."""


def _states() -> dict[str, State]:
    rows = [
        State("DRAFT", "草稿", "draft, still being typed", False, "its author"),
        State("SUBMITTED", "待受理", "waiting for triage", True, "dispatcher"),
        State("REFUSED", "不予受理", "refused, reason told", False, "-"),
        State("ON_SITE_CLOSED", "现场办结", "solved during the visit", False, "call-back officer samples"),
        State("DISPATCHED", "已派单待签收", "waiting for signature", True, "handler"),
        State("RETURN_REQUESTED", "申请退回", "return requested", True, "dispatcher"),
        State("IN_PROGRESS", "办理中", "in progress", True, "handler"),
        State("WAITING_CO", "待协办反馈", "waiting for a co-unit", True, "co-handler"),
        State("WAITING_FIRM", "待企业补充", "waiting for the enterprise", True, "commissioner"),
        State("REPLIED", "待审核", "waiting for sign-off", True, "reviewer"),
        State("PENDING_CALLBACK", "待回访", "waiting for call-back", True, "call-back officer"),
        State("REOPENED", "退回重办", "to be redone", True, "handler"),
        State("LONG_TERM", "挂账推进", "on account, with milestones", True, "handler"),
        State("TRANSFERRED_UP", "转上级/外部", "sent outside", True, "dispatcher"),
        State("MERGED", "已并案", "merged into another", False, "follows the other"),
        State("CLOSED", "已销号", "closed", False, "-"),
        State("WITHDRAWN", "企业撤回", "withdrawn by the enterprise", False, "-"),
    ]
    return {state.code: state for state in rows}


STATES = _states()
DRAFT = "DRAFT"
"""Its author's alone: in no queue and no list of anybody else, on no phone, until it is submitted."""
OPEN = tuple(state.code for state in STATES.values() if state.is_open)
FLAGS = {"EXT_REQUESTED": ("申请延期", "extension requested"), "ESCALATED": ("已提级", "escalated")}
"""Marks on an open issue, beside its state."""
REOPEN_DAYS = 30
"""How long after closing a coordinator may reopen."""


def _verbs() -> dict[str, Verb]:
    rows = [
        Verb("open", "登记", "open", "record.submit", ANY, "", fields.Nothing, "opened"),
        Verb("submit", "提交", "submit", "report.file", ANY, "submission", fields.Nothing, "opened"),
        Verb("dispatch", "派单", "dispatch", "issue.dispatch", ANY, "dispatch", fields.Dispatch, "dispatched"),
        Verb("assign", "改派重办单位", "assign", "issue.dispatch", ANY, "assignment", fields.Assign),
        Verb("refuse", "不予受理", "refuse", "issue.refuse", ANY, "refusal", fields.Refuse, "ended"),
        Verb("accept_again", "重新受理", "accept again", "issue.coordinate",
             ANY, "acceptance", fields.Reason, "accepted"),
        Verb("resolve_on_site", "现场办结", "solve on site", "issue.resolve_on_site",
             ANY, "on-site-closing", fields.OnSite, "ended", offline=True),
        Verb("request_return", "申请退回", "request return", "issue.request_return",
             LEAD, "return-request", fields.RequestReturn, "return_requested", offline=True),
        Verb("decide_return", "审定退回", "decide return", "issue.return", ANY, "return-decision", fields.DecideReturn),
        Verb("sign", "签收", "sign", "issue.sign", LEAD, "signature", fields.Note, "signed", offline=True),
        Verb("contacted", "已联系企业", "contacted the enterprise", "issue.contact",
             LEAD, "contacts", fields.Contacted, "contacted", offline=True),
        Verb("note", "记录进展", "note", "issue.note", ANY, "notes", fields.NoteText, offline=True),
        Verb("ask_co", "请协办", "ask a co-unit", "issue.reply", LEAD, "co-request", fields.AskCo, "co_asked"),
        Verb("answer_co", "协办反馈", "answer as co-unit", "issue.reply",
             HELPS, "co-answer", fields.NoteText, "co_answered"),
        Verb("wait_for_enterprise", "待企业补充", "wait for the enterprise", "issue.wait",
             ANY, "wait", fields.Wait, "waiting", offline=True),
        Verb("resume", "恢复办理", "resume", "issue.wait", ANY, "resumption", fields.Note, "resumed", offline=True),
        Verb("reply", "答复", "reply", "issue.reply", LEAD, "reply", fields.Reply, "replied", offline=True),
        Verb("record_reply", "登记外部答复", "record an answer from outside", "issue.transfer",
             ANY, "outside-reply", fields.Reply, "replied"),
        Verb("review", "审核", "review", "issue.review", LEAD, "review", fields.Review),
        Verb("call_back", "回访", "call back", "issue.call_back", ANY, "callbacks", fields.CallBack, offline=True),
        Verb("close", "销号", "close", "issue.close", ANY, "closing", fields.Close, "ended"),
        Verb("reopen", "退回重办", "reopen", "issue.coordinate", ANY, "reopening", fields.Reason, "reopened"),
        Verb("put_on_account", "挂账", "put on account", "issue.supervise",
             ANY, "account", fields.Account, "on_account"),
        Verb("take_off_account", "结束挂账", "take off account", "issue.supervise",
             ANY, "account-end", fields.Note, "off_account"),
        Verb("transfer", "转上级/外部", "send outside", "issue.transfer", ANY, "transfer", fields.Transfer, "transferred"),
        Verb("request_extension", "申请延期", "request extension", "issue.request_extension",
             LEAD, "extension-request", fields.RequestExtension, offline=True),
        Verb("decide_extension", "审批延期", "decide extension", "issue.extend",
             ANY, "extension-decision", fields.DecideExtension),
        Verb("escalate", "提级", "escalate", "issue.supervise", ANY, "escalation", fields.Reason),
        Verb("settle_escalation", "结束提级", "settle escalation", "issue.coordinate",
             ANY, "escalation-end", fields.Reason),
        Verb("merge", "并案", "merge", "issue.merge", ANY, "merge", fields.Merge, "ended"),
        Verb("unmerge", "撤销并案", "unmerge", "issue.merge", ANY, "merge-undoing", fields.Reason),
        Verb("link_report", "关联诉求", "link a report", "issue.note", ANY, "links", fields.LinkReport, offline=True),
        Verb("unlink_report", "撤销关联", "undo a link", "report.link", ANY, "link-undoing", fields.UnlinkReport),
        Verb("withdraw", "企业撤回", "withdraw", "issue.withdraw",
             ANY, "withdrawal", fields.Withdraw, "ended", offline=True),
    ]  # fmt: skip
    return {verb.name: verb for verb in rows}


VERBS = _verbs()


def _moves() -> tuple[Move, ...]:
    working = ("IN_PROGRESS", "REOPENED")
    stays = ("DISPATCHED", "IN_PROGRESS", "WAITING_CO", "WAITING_FIRM", "REOPENED", "LONG_TERM")
    return (
        Move("open", "", "DRAFT", "draft", ""),
        Move("open", "", "SUBMITTED"),
        Move("open", "", "ON_SITE_CLOSED", "solved_on_site"),
        Move("submit", "DRAFT", "SUBMITTED"),
        Move("dispatch", "SUBMITTED", "DISPATCHED"),
        Move("refuse", "SUBMITTED", "REFUSED"),
        Move("resolve_on_site", "SUBMITTED", "ON_SITE_CLOSED"),
        Move("transfer", "SUBMITTED", "TRANSFERRED_UP"),
        Move("accept_again", "REFUSED", "SUBMITTED"),
        Move("sign", "DISPATCHED", "IN_PROGRESS"),
        Move("request_return", "DISPATCHED", "RETURN_REQUESTED"),
        Move("decide_return", "RETURN_REQUESTED", "SUBMITTED", "granted", "returned"),
        Move("decide_return", "RETURN_REQUESTED", "DISPATCHED", "denied", "kept"),
        Move("ask_co", "IN_PROGRESS", "WAITING_CO"),
        Move("answer_co", "WAITING_CO", "IN_PROGRESS"),
        Move("wait_for_enterprise", "IN_PROGRESS", "WAITING_FIRM"),
        Move("resume", "WAITING_FIRM", "IN_PROGRESS"),
        Move("reply", "IN_PROGRESS", "REPLIED"),
        Move("reply", "REOPENED", "REPLIED"),
        Move("reply", "LONG_TERM", "REPLIED"),
        Move("sign", "REOPENED", "IN_PROGRESS"),
        Move("assign", "REOPENED", "REOPENED"),
        Move("transfer", "IN_PROGRESS", "TRANSFERRED_UP"),
        Move("record_reply", "TRANSFERRED_UP", "REPLIED"),
        Move("close", "TRANSFERRED_UP", "CLOSED"),
        Move("put_on_account", "IN_PROGRESS", "LONG_TERM"),
        Move("take_off_account", "LONG_TERM", "IN_PROGRESS"),
        Move("review", "REPLIED", "PENDING_CALLBACK", "signed_off", "signed_off"),
        Move("review", "REPLIED", "IN_PROGRESS", "sent_back", "sent_back"),
        Move("call_back", "PENDING_CALLBACK", "PENDING_CALLBACK", "kept", ""),
        Move("call_back", "PENDING_CALLBACK", "REOPENED", "redo", "reopened"),
        Move("call_back", "ON_SITE_CLOSED", "ON_SITE_CLOSED", "kept", ""),
        Move("call_back", "ON_SITE_CLOSED", "REOPENED", "redo", "reopened"),
        Move("close", "PENDING_CALLBACK", "CLOSED"),
        Move("close", "ON_SITE_CLOSED", "CLOSED"),
        Move("reopen", "CLOSED", "REOPENED"),
        Move("reopen", "ON_SITE_CLOSED", "REOPENED"),
        *(Move("merge", state, "MERGED") for state in OPEN),
        *(Move("unmerge", "MERGED", state) for state in OPEN),
        *(Move("withdraw", state, "WITHDRAWN") for state in OPEN),
        *(Move("note", state, state) for state in STATES if state != "DRAFT"),
        *(Move("contacted", state, state) for state in stays),
        *(Move("request_extension", state, state) for state in working),
        *(Move("decide_extension", state, state, "granted", "extended") for state in stays),
        *(Move("decide_extension", state, state, "denied", "") for state in stays),
        *(Move("escalate", state, state) for state in OPEN),
        *(Move("settle_escalation", state, state) for state in OPEN),
        *(Move("link_report", state, state) for state in OPEN),
        *(Move("unlink_report", state, state) for state in OPEN),
    )


MOVES = _moves()
_BY_KEY: dict[tuple[str, str], list[Move]] = {}
for _move in MOVES:
    _BY_KEY.setdefault((_move.verb, _move.source), []).append(_move)


def find_move(verb: str, source: str, outcome: str = "", target: str = "") -> Move | None:
    """The one move of this verb from this state with this outcome; `target` chooses where an unmerge goes back to."""
    for move in _BY_KEY.get((verb, source), ()):
        if move.outcome == outcome and (not target or move.target == target):
            return move
    return None


def verbs_from(state: str) -> list[str]:
    """What may be done to an issue in this state, by whoever may."""
    return [name for name in VERBS if (name, state) in _BY_KEY]


def clock_event(verb: str, outcome: str) -> str:
    """The clock event this verb with this outcome is; empty for one that concerns no clock."""
    return _CLOCKS.get((verb, outcome), "")


_CLOCKS = {(move.verb, move.outcome): VERBS[move.verb].clock if move.clock is None else move.clock for move in MOVES}
