"""What an enterprise does behind its link: see how far its matter is, judge the result, add something, withdraw. No account."""

from __future__ import annotations

from functools import cache
from typing import Any

import msgspec

from server.allowance import Allowance
from server.audit.actions import record_event
from server.callbacks.actions import may_answer, record_self_answer
from server.callbacks.answers import BLAMES, Answers
from server.issues.actions import move_issue
from server.issues.fields import Note, NoteText, Reason, Split, Withdraw
from server.issues.states import STATES as ISSUE_STATES
from server.issues.steps.joining import links_of
from server.issues.tables import CONFIRMED, Issue
from server.moment import now
from server.people.actor import system_of
from server.refusals import refusal
from server.reporters.actions import KIND, hash_of
from server.reporters.matter import Matter, matter_of
from server.reporters.page.showing import Judgement, ReporterPage, enterprise_of, page_of
from server.reporters.tables import ReporterLink
from server.settings import settings
from sync.transaction import transaction

CODE_END = 4
CODE_TRIES_PER_MINUTE = 5
MISSES_MAX = 20
"""Wrong codes after which a link takes none any more."""
COMMENTS_MAX = 20


@cache
def allowance() -> Allowance:
    return Allowance(settings.link_requests_per_minute)


@cache
def code_allowance() -> Allowance:
    return Allowance(CODE_TRIES_PER_MINUTE)


async def look(token: str) -> ReporterPage:
    """Raises `link.unknown`, `reporter.expired`, `link.too_often`."""
    link = await _follow(token)
    return await page_of(link, await matter_of(link.bureau, link.report), is_open=False)


async def unlock(token: str, code_end: str) -> ReporterPage:
    """The same with what only the enterprise may see. Raises `link.code_wrong`, `reporter.locked`, `reporter.no_code`."""
    link = await _follow(token)
    matter = await matter_of(link.bureau, link.report)
    await _check_code(link, matter, code_end)
    return await page_of(link, matter, is_open=True)


async def judge(token: str, judgement: Judgement) -> ReporterPage:
    """Once in each turn. Raises `reporter.not_yet`, `reporter.over`, `callback.answered`, `callback.incomplete`."""
    link = await _follow(token)
    matter = await matter_of(link.bureau, link.report)
    if not may_answer(matter.issue):
        code = "reporter.not_yet" if ISSUE_STATES[matter.issue.state].is_open else "reporter.over"
        raise refusal(code, number=matter.issue.number)
    said: dict[str, Any] = msgspec.structs.asdict(judgement)
    subjective = judgement.satisfied == "dissatisfied" and bool(BLAMES.intersection(judgement.why_not))
    said |= {"reached": "reached", "channel": link.channel, "report": link.report, "subjective": subjective}
    await record_self_answer(link.bureau, matter.issue.id, Answers(**said))
    return await _again(link)


async def comment(token: str, words: str) -> ReporterPage:
    """More to know: a line of the timeline, and the end of waiting for the enterprise. Raises `reporter.too_many`."""
    link = await _follow(token)
    async with transaction():
        matter = await matter_of(link.bureau, link.report)
        if link.comments >= COMMENTS_MAX:
            raise refusal("reporter.too_many", limit=COMMENTS_MAX)
        hand, text = system_of(link.bureau), f"[企业补充] {words}"
        if matter.issue.state == "WAITING_FIRM":
            await move_issue(hand, matter.issue.id, "resume", Note(words=text))
        else:
            await move_issue(hand, matter.issue.id, "note", NoteText(words=text))
        await ReporterLink.update({ReporterLink.comments: ReporterLink.comments + 1}).where(ReporterLink.id == link.id)
    return await _again(link)


async def withdraw(token: str, words: str, code_end: str) -> ReporterPage:
    """The enterprise no longer wants it. Where others said the same, theirs goes on: this report leaves for an issue of its own
    first. Raises `reporter.over`, and what `unlock` raises."""
    link = await _follow(token)
    matter = await matter_of(link.bureau, link.report)
    if not ISSUE_STATES[matter.issue.state].is_open:
        raise refusal("reporter.over", number=matter.issue.number)
    await _check_code(link, matter, code_end)
    async with transaction():
        hand = system_of(link.bureau)
        alone = await _by_itself(link, matter)
        await move_issue(hand, alone.id, "withdraw", Withdraw(words=words))
        await record_event(hand, "reporter.withdraw", KIND, link.id, {"issue": alone.number})
    return await _again(link)


async def _by_itself(link: ReporterLink, matter: Matter) -> Issue:
    """The issue that answers this report and no other."""
    hand, reason = system_of(link.bureau), "企业撤回其诉求 / this enterprise withdraws what it said"
    while True:
        issue, ours = matter.issue, matter.link
        others = [one for one in await links_of(link.bureau, issue.id) if one.state == CONFIRMED]
        if len(others) <= 1:
            return issue
        if ours.via is not None:
            await move_issue(hand, ours.via, "unmerge", Reason(reason=reason))
        else:
            await move_issue(hand, issue.id, "split", Split(reports=[link.report], reason=reason))
        matter = await matter_of(link.bureau, link.report)


async def _follow(token: str) -> ReporterLink:
    digest = hash_of(token)
    if wait := allowance().take(digest, now()):
        raise refusal("link.too_often", retry_after=wait)
    link = await ReporterLink.objects().get(ReporterLink.token_hash == digest)
    if link is None or link.revoked_at is not None:
        raise refusal("link.unknown")
    if now() >= link.expires_at:
        raise refusal("reporter.expired")
    if link.opened_at is None:
        await ReporterLink.update({ReporterLink.opened_at: now()}).where(ReporterLink.id == link.id)
    return link


async def _check_code(link: ReporterLink, matter: Matter, code_end: str) -> None:
    """Wrong ones are counted for good, so that nobody tries them all."""
    if wait := code_allowance().take(link.token_hash, now()):
        raise refusal("link.too_often", retry_after=wait)
    if link.misses >= MISSES_MAX:
        raise refusal("reporter.locked")
    enterprise = await enterprise_of(matter)
    code = enterprise.credit_code if enterprise is not None else None
    if not code:
        raise refusal("reporter.no_code")
    if len(code_end) != CODE_END or code[-CODE_END:].upper() != code_end.upper():
        await ReporterLink.update({ReporterLink.misses: ReporterLink.misses + 1}).where(ReporterLink.id == link.id)
        raise refusal("link.code_wrong")


async def _again(link: ReporterLink) -> ReporterPage:
    return await page_of(link, await matter_of(link.bureau, link.report), is_open=False)
