"""Where an enterprise's matter stands, in words an enterprise understands. Pure. A verb that is not here is the bureau's own affair:
notes, returns, reviews, hand-overs, who was asked for help."""

from __future__ import annotations

from collections.abc import Mapping

Pair = tuple[str, str]

STATES: Mapping[str, Pair] = {
    "SUBMITTED": ("已收到,正在确定责任单位", "Received; we are finding out who is responsible"),
    "REFUSED": ("不予受理,原因见答复", "Not taken up; the answer says why"),
    "ON_SITE_CLOSED": ("走访时已当场解决", "Settled during the visit"),
    "DISPATCHED": ("已转交责任单位", "With the unit responsible"),
    "RETURN_REQUESTED": ("已转交责任单位", "With the unit responsible"),
    "IN_PROGRESS": ("正在办理", "Being worked on"),
    "WAITING_CO": ("正在办理", "Being worked on"),
    "WAITING_FIRM": ("等您补充材料", "Waiting for something from you"),
    "REPLIED": ("答复正在审核", "The answer is being checked"),
    "PENDING_CALLBACK": ("已答复,请您评价", "Answered; please tell us how we did"),
    "REOPENED": ("退回重办", "Being done again"),
    "LONG_TERM": ("需要较长时间,按计划推进", "Takes longer; there is a plan"),
    "TRANSFERRED_UP": ("已转上级或外部单位办理", "With an authority outside this bureau"),
    "CLOSED": ("已办结", "Closed"),
    "WITHDRAWN": ("已按您的意思撤回", "Withdrawn as you wished"),
    "MERGED": ("与同类诉求合并办理", "Handled together with others of the kind"),
}
STEPS: Mapping[tuple[str, str], Pair] = {
    ("open", ""): ("收到您反映的问题", "We received what you said"),
    ("open", "solved_on_site"): ("走访时当场解决", "Settled during the visit"),
    ("submit", ""): ("收到您反映的问题", "We received what you said"),
    ("dispatch", ""): ("转交责任单位", "Passed to the unit responsible"),
    ("refuse", ""): ("不予受理", "Not taken up"),
    ("accept_again", ""): ("重新受理", "Taken up after all"),
    ("resolve_on_site", ""): ("问题已当场解决", "Settled on the spot"),
    ("sign", ""): ("责任单位开始办理", "The unit responsible has begun"),
    ("contacted", ""): ("责任单位联系了您", "The unit responsible contacted you"),
    ("wait_for_enterprise", ""): ("请您补充材料", "You were asked for something"),
    ("resume", ""): ("继续办理", "Work goes on"),
    ("put_on_account", ""): ("列入长期推进计划", "Put on the long-term plan"),
    ("take_off_account", ""): ("继续办理", "Work goes on"),
    ("transfer", ""): ("转上级或外部单位", "Passed to an authority outside this bureau"),
    ("decide_extension", "granted"): ("经批准延长办理期限", "More time was granted"),
    ("review", "signed_off"): ("答复已审核通过", "The answer was approved"),
    ("call_back", "kept"): ("回访记录", "You were asked how it went"),
    ("call_back", "redo"): ("根据您的评价退回重办", "Sent back because of what you said"),
    ("reopen", ""): ("退回重办", "To be done again"),
    ("close", ""): ("办结", "Closed"),
    ("withdraw", ""): ("撤回", "Withdrawn"),
    ("merge", ""): ("与同类诉求合并办理", "Joined with others of the kind"),
    ("unmerge", ""): ("恢复单独办理", "Handled by itself again"),
}


def step_words(verb: str, outcome: str) -> Pair | None:
    """None for what is not the enterprise's to know."""
    return STEPS.get((verb, outcome))
