"""What waits for a decision who works on it, and who is offered it, oldest first, once somebody can take it."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from msgspec import Struct
from piccolo.columns.combination import WhereRaw

from server.issues.actions import move_issue
from server.issues.duty.choosing import choose
from server.issues.duty.tables import IssueDuty
from server.issues.fields import Reassign
from server.issues.states import DRAFT
from server.issues.steps.step import Step
from server.issues.tables import Issue, IssueEvent
from server.people.actor import Actor, system_of
from server.people.tables import Bureau, Person, Unit
from server.refusals import refusal
from server.routing.posts.tables import Post
from server.routing.tables import Category
from sync.transaction import transaction

OFFER_MAX = 200
"""So many waiting issues are looked at in one go; the next go takes the rest."""
WAITING_MAX = 500
UNCLASSIFIED, NO_LEAD, NO_HANDLER = "unclassified", "no_lead", "no_handler"
REASONS = {
    UNCLASSIFIED: ("未分类或类别不明,待分办员归类", "not classified: the dispatcher decides"),
    NO_LEAD: ("已分类,待派单", "classified and not sent to a unit yet"),
    NO_HANDLER: ("单位没有可用的岗位,待派定经办人", "the unit has no post to choose from and decides who handles it"),
}
UNKNOWN = "9999"
Told = dict[tuple[UUID, UUID], tuple[str, str]]
"""Issue and unit → why nobody there has it."""


class Waiting(Struct, frozen=True, kw_only=True):
    issue: UUID
    number: str
    title: str
    category: str
    unit: str
    """Code of the lead unit; empty where there is none."""
    kind: str
    """unclassified, no_lead or no_handler."""
    opened_at: datetime
    why_zh: str
    why_en: str


async def list_waiting(actor: Actor, kind: str = "", unit: str = "") -> list[Waiting]:
    """The oldest first, of what this person may see. Raises `issue.filter`."""
    actor.must("issue.read")
    if kind not in ("", *REASONS):
        raise refusal("issue.filter", field="kind", value=kind[:100])
    units = {row.id: row.code for row in await Unit.of_bureau(actor.bureau)}
    retired = [row.code for row in await Category.of_bureau(actor.bureau) if row.retired_at is not None]
    nowhere = ["", UNKNOWN, *retired]
    where = Issue.reach_of(actor) & Issue.closed_at.is_null() & Issue.handler.is_null() & (Issue.state != DRAFT)
    is_unclassified = Issue.lead.is_null() & Issue.category.is_in(nowhere)
    where &= {
        "": WhereRaw("1 = 1"),
        UNCLASSIFIED: is_unclassified,
        NO_LEAD: Issue.lead.is_null() & Issue.category.not_in(nowhere),
        NO_HANDLER: Issue.lead.is_not_null(),
    }[kind]
    if unit:
        where &= Issue.lead.is_in([id for id, code in units.items() if code == unit] or [actor.bureau])
    rows = await Issue.objects().where(where).order_by(Issue.opened_at, Issue.number).limit(WAITING_MAX)
    told = await _told([row.id for row in rows if row.lead is not None])
    return [_shown(row, units, nowhere, told) for row in rows]


async def _told(issues: list[UUID]) -> Told:
    if not issues:
        return {}
    rows = await IssueDuty.objects().where(IssueDuty.issue.is_in(issues)).order_by(IssueDuty.at)
    return {(row.issue, row.unit): (row.why_zh, row.why_en) for row in rows}


def _shown(row: Issue, units: dict[UUID, str], nowhere: list[str], told: Told) -> Waiting:
    if row.lead is not None:
        kind = NO_HANDLER
    else:
        kind = UNCLASSIFIED if row.category in nowhere else NO_LEAD
    zh, en = told.get((row.id, row.lead), REASONS[kind])
    return Waiting(
        issue=row.id, number=row.number, title=row.title, category=row.category, unit=units.get(row.lead, ""), kind=kind,
        opened_at=row.opened_at, why_zh=zh, why_en=en,
    )  # fmt: skip


async def offer_waiting(bureau: UUID, post: UUID | None = None) -> int:
    """Gives what waits to whoever can take it now, the oldest first; returns how many were given. A post that has nobody for its
    oldest has nobody for the others either."""
    where = (Issue.bureau == bureau) & Issue.closed_at.is_null() & Issue.handler.is_null() & Issue.post.is_not_null()
    if post is not None:
        where &= Issue.post == post
    rows = (
        await Issue.select(Issue.id, Issue.post).where(where).order_by(Issue.opened_at, Issue.number).limit(OFFER_MAX)
    )
    tried: set[UUID] = set()
    given = 0
    for row in rows:
        if row["post"] in tried:
            continue
        async with transaction():
            found = await Post.objects().get(
                (Post.bureau == bureau) & (Post.id == row["post"]) & Post.retired_at.is_null()
            )
            choice = await choose(bureau, found) if found is not None else None
            if choice is None or choice.person is None:
                tried.add(row["post"])
                continue
            person = await Person.objects().get((Person.bureau == bureau) & (Person.id == choice.person))
            assert person is not None
            reason = f"候派已久者先派;{choice.why_zh}"
            await move_issue(system_of(bureau), row["id"], "reassign", Reassign(to=person.login, reason=reason))
            given += 1
    return given


async def follow_closing(step: Step, event: IssueEvent) -> None:
    """Whoever closes an issue makes room for the oldest that waits."""
    issue = step.issue
    if issue.closed_at is not None and issue.closed_at == step.at and issue.post is not None:
        await offer_waiting(issue.bureau, issue.post)


async def follow_duty(bureau: UUID) -> None:
    await offer_waiting(bureau)


async def offer_all() -> int:
    """Somebody whose absence is over is on duty without saying so: looked for every quarter of an hour."""
    return sum([await offer_waiting(bureau.id) for bureau in await Bureau.objects().order_by(Bureau.code)])
