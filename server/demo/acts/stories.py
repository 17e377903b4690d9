"""How issues go: the steps of a story, each taken by the person whose turn it is, with what that person would write."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
from msgspec import Raw, Struct

from forms.evaluate import Table
from server.callbacks.actions import record_callback, waiting_reports
from server.callbacks.answers import Answers
from server.callbacks.tables import Callback
from server.demo.acts.phones import Phones
from server.demo.acts.surveys import callback_answers
from server.demo.acts.visits import URGENCIES, Raised
from server.demo.cast import Cast, Firm, Player
from server.demo.seeds import Story, StoryStep
from server.demo.stage import Stage
from server.issues.actions import move_issue
from server.issues.drafts.actions import begin_issue
from server.issues.drafts.submitting import Draft
from server.issues.duty.route import route_of
from server.issues.states import VERBS
from server.issues.steps.dues import current_dues, timeline
from server.issues.steps.opening import issue_of
from server.issues.tables import Issue
from server.people.actor import Actor
from server.people.roles import CALLBACK_OFFICER, COMMISSIONER, COORDINATOR, DISPATCHER, HANDLER, REVIEWER, SUPERVISOR
from server.people.tables import Unit
from server.records.actions import submit_record
from server.records.submission import Submission
from server.reports.tables import Report
from server.settings import settings
from server.worktime.actions import calendar_of
from sync.identity import new_id

LEADS = {
    "02": "finance",
    "12": "market",
    "13": "market",
    "14": "market",
    "15": "chamber",
    "16": "hr",
    "99": "infra",
}
"""Whom a dispatcher picks where the matrix names nobody; the bureau's own office for all other kinds."""
LETTERS = ("document", "hotline", "officer", "leader_contact")
"""How what is typed at a desk came there."""
FORM_EVERY = 4
"""Every fourth call-back also fills in the questionnaire."""
ROLES = {
    "dispatch": DISPATCHER, "refuse": DISPATCHER, "decide_return": DISPATCHER, "transfer": DISPATCHER, "merge": DISPATCHER,
    "record_reply": DISPATCHER, "review": REVIEWER, "withdraw": COMMISSIONER, "resume": COMMISSIONER, "escalate": SUPERVISOR,
    "put_on_account": SUPERVISOR, "decide_extension": SUPERVISOR, "close": COORDINATOR, "call_back": CALLBACK_OFFICER,
}  # fmt: skip
NOTES = (
    "已与相关科室会商,形成初步意见。",
    "已到企业现场查看,情况属实。",
    "已联系业务主管部门,等待书面答复。",
    "材料已收齐,正在走内部流程。",
)
PRAISE = ("反馈及时,比预想的快。", "问题解决了,谢谢。", "来了两次人,态度很好。", "基本满意,希望后面继续跟进。")
BLAME = "来过一次电话就没有下文,问题还在。"
SATISFIED = {"solved": "solved", "satisfied": "satisfied", "attitude": 5, "speed": 4, "contacted": "yes"}
DISSATISFIED = {
    "solved": "unsolved", "satisfied": "dissatisfied", "attitude": 3, "speed": 2, "contacted": "not_sure", "words": BLAME,
    "why_not": ["unsolved", "vague_answer"], "why_words": BLAME, "subjective": True, "redo": True,
}  # fmt: skip


class Matter(Struct, kw_only=True):
    """One issue on its way through its story."""

    story: Story
    raised: Raised
    author: Player
    issue: UUID | None = None
    taken: int = 0


class Stories:
    """Takes the steps. `matters` are those that have been raised."""

    def __init__(self, stage: Stage, cast: Cast, phones: Phones) -> None:
        self.stage = stage
        self.cast = cast
        self.phones = phones
        self.matters: list[Matter] = []
        self.calls = 0
        """Call-backs that reached somebody."""

    async def begin_all(self, matters: list[Matter], record: UUID, moment: datetime) -> None:
        """The record has been taken in: what it reported is open, and each issue begins its story."""
        filed = await Report.select(Report.id, Report.title).where(Report.record == record)
        by_title = {report["title"]: report["id"] for report in filed}
        for matter in matters:
            matter.issue = issue_of(by_title[matter.raised.title])
            self.matters.append(matter)
            self._next(matter, moment)

    async def begin_by_hand(self, matter: Matter, firm: Firm, moment: datetime) -> None:
        """A letter or a telephone call, typed at a desk by the matter's author: half of it is missing until it is submitted."""
        problem, words = matter.raised.problem, matter.raised.words
        draft = Draft(
            title=matter.raised.title,
            description=words if matter.story.steps else words[: len(words) // 2],
            source=self.stage.chance.choice(LETTERS),
            enterprise=firm.id,
            category=problem.category,
            urgency=URGENCIES[problem.urgency],
            contact_name=firm.contact,
        )
        matter.issue = (await begin_issue(await self.stage.actor(matter.author.id), draft)).id
        self.matters.append(matter)
        self._next(matter, moment)

    def _next(self, matter: Matter, moment: datetime) -> None:
        if matter.taken < len(matter.story.steps):
            step = matter.story.steps[matter.taken]
            moment = self.stage.later(moment, step.gap)
            self.stage.plan(moment, lambda: self._take(matter, step, moment))

    async def _take(self, matter: Matter, step: StoryStep, moment: datetime) -> None:
        issue = await self._issue(matter)
        if step.verb == "call_back":
            await self._call_back(matter, issue, step.manner, moment)
        else:
            actor = await self._who(matter, issue, step)
            fields = await self._fields(matter, issue, step, moment, actor)
            kind = VERBS[step.verb].fields
            await move_issue(actor, issue.id, step.verb, msgspec.convert(fields, kind))
        matter.taken += 1
        self._next(matter, moment)

    async def _issue(self, matter: Matter) -> Issue:
        issue = await Issue.objects().get(Issue.id == matter.issue)
        if issue is None:
            raise ValueError(f"{matter.raised.title} was never opened")
        return issue

    async def _who(self, matter: Matter, issue: Issue, step: StoryStep) -> Actor:
        role = ROLES.get(step.verb, HANDLER)
        if role == COMMISSIONER or step.verb == "submit":
            player = matter.author
        elif step.verb == "answer_co":
            player = self.cast.at(HANDLER, await self._co(issue))
        elif role in (HANDLER, REVIEWER):
            lead = await Unit.objects().get(Unit.id == issue.lead)
            assert lead is not None
            player = self.cast.at(role, lead.code)
        else:
            player = self.stage.chance.choice(self.cast.of_role(role))
        return await self.stage.actor(player.id)

    async def _lead(self, issue: Issue) -> str:
        return (await route_of(issue)).lead or LEADS.get(issue.category[:2], "sme")

    async def _co(self, issue: Issue) -> str:
        """A unit with a handler that may help: one the matrix names, else the bureau's own."""
        route = await route_of(issue)
        lead = await Unit.objects().get(Unit.id == issue.lead)
        assert lead is not None
        offices = [code for code in (*route.co, "sme", "finance") if self.cast.units[code].kind != "street"]
        return next(code for code in offices if code != lead.code)

    async def _fields(
        self, matter: Matter, issue: Issue, step: StoryStep, moment: datetime, actor: Actor
    ) -> dict[str, Any]:
        """What the verb asks for. A dispatch may be `wrong` (another unit's duty) or name a policy. Longer than 60 lines:
        one verb an entry."""
        chance, raised = self.stage.chance, matter.raised
        today = moment.astimezone(settings.timezone).date()
        match step.verb:
            case "dispatch":
                return await self._dispatch(issue, step.manner)
            case "refuse":
                return {"ground": "nothing_new", "words": "同一事项已有答复且无新情况,已电话向企业说明理由。"}
            case "request_return":
                return {
                    "reason": "该事项不在本单位职责范围内。",
                    "ground": "《实施方案》责任分工表",
                    "suggested_unit": await self._lead(issue),
                }
            case "decide_return":
                reason = "理由成立,改派。" if step.manner == "granted" else "职责相关,请牵头办理。"
                return {"outcome": step.manner, "reason": reason}
            case "contacted":
                return {"channel": chance.choice(("phone", "phone", "visit")), "words": "已与企业联系,了解详细情况。"}
            case "note":
                return {"words": chance.choice(NOTES)}
            case "ask_co":
                return {"co": [await self._co(issue)], "words": "请就职责范围内的意见予以反馈。"}
            case "answer_co":
                return {"words": "本单位意见:可按现行政策办理,所需材料已告知主办单位。"}
            case "wait_for_enterprise":
                return {"needed": "请企业补充合同复印件和近三个月流水。"}
            case "resume":
                return {"words": "企业已补齐材料。"}
            case "reply" | "record_reply":
                return {"letter": raised.problem.letter, "words": raised.reply}
            case "review":
                words = "请补充办结时间和联系人后再报。" if step.manner == "sent_back" else "同意。"
                return {"outcome": step.manner, "words": words}
            case "close":
                return {"letter": raised.problem.letter, "proof": "企业书面确认。"}
            case "put_on_account":
                plan = "列入年度历史遗留问题清单,分三步推进。"
                return {"plan": plan, "milestone_on": today + timedelta(days=75), "reason": "涉及规划调整,需上级会审。"}
            case "transfer":
                return {"to": "市中小企业服务局", "number": f"洪企诉〔{today.year}〕{chance.randrange(100, 999)}号"}
            case "request_extension":
                return {"clock": "solve", "until": await self._until(issue), "reason": "需与第三方协调,预计多用几天。"}
            case "decide_extension":
                return {"outcome": step.manner, "reason": "情况属实。" if step.manner == "granted" else "请按期办理。",
                        "told_enterprise": True}  # fmt: skip
            case "escalate":
                return {"reason": "超期且企业多次催问,提请领导小组办公室协调。"}
            case "merge":
                return {"into": await self._twin(issue), "reason": "与在办事项属同一问题,并案办理。"}
            case "withdraw":
                return {"words": "问题我们自己解决了,不用再跑了,谢谢。"}
        return {}

    async def _dispatch(self, issue: Issue, manner: str) -> dict[str, Any]:
        lead = await self._lead(issue)
        if manner == "wrong":
            return {"lead": "youth" if lead != "youth" else "science"}
        policy = {"policy": manner} if manner else {}
        if (await route_of(issue)).lead:
            return policy
        category = {"category": "0507"} if issue.category == "9999" else {}
        return {"lead": lead, "words": "按职责分工指定。"} | category | policy

    async def _until(self, issue: Issue) -> str:
        """Three working days after the date to be moved."""
        dues = await current_dues(issue.bureau, await timeline(issue.bureau, issue.id))
        due = next(due.day for due in dues if due.clock == "solve")
        assert due is not None
        return (await calendar_of(issue.bureau)).add_working_days(due, 3).isoformat()

    async def _twin(self, issue: Issue) -> str:
        """An open issue to go on with: about the same thing if there is one."""
        rows = (
            await Issue.objects()
            .where(Issue.bureau == issue.bureau, Issue.closed_at.is_null(), Issue.id != issue.id)
            .order_by(Issue.opened_at, Issue.number, ascending=False)
        )
        stays = {
            matter.issue for matter in self.matters if matter.story.state in ("IN_PROGRESS", "LONG_TERM", "WAITING_CO")
        }
        like = (
            [row for row in rows if row.category == issue.category] or [row for row in rows if row.id in stays] or rows
        )
        return str(like[0].number)

    async def _call_back(self, matter: Matter, issue: Issue, manner: str, moment: datetime) -> None:
        """Everybody who reported it is asked; a bad answer of one reopens it."""
        chance = self.stage.chance
        player = chance.choice(self.cast.of_role(CALLBACK_OFFICER))
        caller = await self.stage.actor(player.id)
        for report in await waiting_reports(issue, await Callback.of_issue(issue.bureau, issue.id)):
            answers: dict[str, Any] = {"reached": "no_answer", "report": report}
            if manner != "no_answer":
                said = DISSATISFIED if manner == "redo" else SATISFIED | {"words": chance.choice(PRAISE)}
                answers |= {"reached": "reached", "respondent": "企业联系人"} | said
            await record_callback(caller, issue.id, msgspec.convert(answers, Answers))
            if manner == "redo":
                break
        if manner != "no_answer":
            self.calls += 1
            if self.calls % FORM_EVERY == 0:
                await self._fill_in_call(issue, player, caller, moment, happy=manner == "satisfied")

    async def _fill_in_call(
        self, issue: Issue, player: Player, caller: Actor, moment: datetime, *, happy: bool
    ) -> None:
        """The call-back officer also fills in the questionnaire, at the desk."""
        answers = callback_answers(self.stage.chance, issue.id, player, moment, BLAME, happy=happy)
        row = {
            "name": str(issue.id),
            "label": f"{issue.number} {issue.title}",
            "enterprise": str(issue.enterprise or ""),
        }
        more = {"origin": "callback", "enterprise": issue.enterprise}
        lists = {"issues": Table([row])}
        args = self.phones.fill_in("issue_callback", answers, moment, minutes=6, more=more, lists=lists)
        args["answers"] = Raw(msgspec.json.encode(args["answers"]))
        await submit_record(caller, new_id(moment.timestamp()), new_id(moment.timestamp()), Submission(**args))
