"""Issues: what we do about what enterprises said. The row is what lists are filtered by; the events are the truth."""

from __future__ import annotations

from typing import Any

from piccolo.columns import UUID, BigInt, Boolean, DoublePrecision, Integer, Text, Timestamptz
from piccolo.columns.combination import WhereRaw
from piccolo.table import Table

from server.clocks.lights import NEVER
from server.issues.states import DRAFT
from server.people.actor import Actor
from server.people.roles import BUREAU_WIDE, HANDLER, REVIEWER, ROLES

"""`NEVER` is `next_due` of an issue whose clocks all stand still or have ended: last in every queue, so that no page needs NULLs."""


INTAKE, HAND, MERGE, SPLIT = "intake", "hand", "merge", "split"
METHODS = (INTAKE, "same_enterprise_repeat", HAND, MERGE, SPLIT, "proposal")
"""How a report came to an issue: it opened it, the same enterprise said it again, somebody linked it, it came with a merge or a
split, an algorithm proposed it."""
SUGGESTED, CONFIRMED, REJECTED = "suggested", "confirmed", "rejected"


class Issue(Table, tablename="issue"):
    """One matter. `closed_at` is set while it is out of the queue, for whatever reason; the due columns repeat what the
    clocks say of the events (`server.clocks`), so that they can be filtered and sorted by."""

    id = UUID(primary_key=True, default=None)
    bureau = UUID()
    number = Text()
    state = Text()
    state_since = Timestamptz()
    title = Text()
    category = Text(default="")
    urgency = Text(default="")
    policy = Text()
    policy_version = Integer(default=1)
    """The edition it counts by; repeats what `steps/dues.py` says of its events."""
    enterprise = UUID(null=True, default=None)
    person = UUID()
    """Who wrote down the first report."""
    origin = Text(default="")
    lead = UUID(null=True, default=None)
    desk = UUID(null=True, default=None)
    """The unit whose dispatcher sent it on."""
    post = UUID(null=True, default=None)
    """The post of the lead unit it was sent to."""
    handler = UUID(null=True, default=None)
    """The person of the lead unit who has it; nobody while it waits or the unit decides."""
    handler_since = Timestamptz(null=True, default=None)
    forced = Boolean(default=False)
    """The lead unit may not ask to return it (again)."""
    ext_requested = Boolean(default=False)
    escalated = Boolean(default=False)
    escalation_owner = UUID(null=True, default=None)
    """The person it was raised to; nobody in particular when the rules raised it."""
    contact = UUID(null=True, default=None)
    """The unit that has taken the contact with the enterprise over by signing; before, the author's unit keeps it (首接负责)."""
    is_common = Boolean(default=False)
    """A common problem: no reports of its own, other issues below it."""
    parent = UUID(null=True, default=None)
    """The common problem it is a case of; number, lead and dates stay its own."""
    excluded = Boolean(default=False)
    """Left out of every rate; `exclusion` says why, for all to see."""
    exclusion = Text(default="")
    returns = Integer(default=0)
    waits = Integer(default=0)
    extensions = Integer(default=0)
    redos = Integer(default=0)
    letter = Text(default="")
    letter_definition = Text(default="")
    """What the letter meant when it was given."""
    satisfied = Text(default="")
    """What its enterprises said when they were asked last; of several answers the worst."""
    merged_into = UUID(null=True, default=None)
    opened_at = Timestamptz()
    triage_due = Timestamptz(null=True, default=None)
    sign_due = Timestamptz(null=True, default=None)
    first_contact_due = Timestamptz(null=True, default=None)
    reply_due = Timestamptz(null=True, default=None)
    solve_due = Timestamptz(null=True, default=None)
    next_due = Timestamptz()
    next_clock = Text(default="")
    yellow_at = Timestamptz(default=NEVER)
    double_at = Timestamptz(default=NEVER)
    paused = Boolean(default=False)
    """Its clocks stand still. With these three and `next_due` anybody can light it (`server.clocks.lights`)."""
    next_timer_at = Timestamptz(default=NEVER)
    """When the sweep must look at it next (`server.issues.timers`)."""
    closed_at = Timestamptz(null=True, default=None)
    events = Integer(default=0)
    """Number of the last event."""
    updated_at = Timestamptz()

    @classmethod
    def reach_of(cls, actor: Actor) -> Any:
        """The condition for this person's issues. A draft is its author's alone.

        Whoever oversees the queue: what no unit leads yet, and what a unit below the grant leads, helps with or has
        dispatched. Handlers and reviewers: what their units lead or help with. Everybody: what concerns an enterprise
        whose dossier they hold, and what they reported themselves.
        """
        own = (cls.bureau == actor.bureau) & ((cls.state != DRAFT) | (cls.person == actor.person))
        if actor.is_system:
            return own
        overseen = _sorted(reach for role, reach in actor.reach.items() if role in BUREAU_WIDE and READ in ROLES[role])
        units = _sorted([overseen, *(reach for role, reach in actor.reach.items() if role in (HANDLER, REVIEWER))])
        conditions: list[tuple[str, list[Any]]] = [(f"issue.state = '{DRAFT}'", [])]
        if overseen:
            marks = ", ".join("{}" for _ in overseen)
            conditions.append((f"issue.lead IS NULL OR issue.desk IN ({marks})", overseen))
        if units:
            marks = ", ".join("{}" for _ in units)
            conditions.append((f"issue.lead IN ({marks})", units))
            conditions.append((_HELPED.format(units=marks), [actor.bureau, *units]))
        conditions.append((_MINE, [actor.bureau, actor.person, actor.bureau, actor.person]))
        # The cheap ones come first: databases judge an OR from left to right.
        values = [value for _, given in conditions for value in given]
        return own & WhereRaw(f"({' OR '.join(condition for condition, _ in conditions)})", *values)

    @classmethod
    def visible_to(cls, actor: Actor) -> Any:
        return cls.objects().where(cls.reach_of(actor))


READ = "issue.read"
_MINE = (
    "issue.id IN (SELECT issue_link.issue FROM issue_link"
    " WHERE issue_link.bureau = {} AND issue_link.person = {} AND issue_link.undone_at IS NULL"
    " AND issue_link.state = 'confirmed'"
    " UNION SELECT issue_link.issue FROM enterprise_assignment JOIN issue_link"
    " ON issue_link.bureau = enterprise_assignment.bureau AND issue_link.enterprise = enterprise_assignment.enterprise"
    " WHERE enterprise_assignment.bureau = {} AND enterprise_assignment.person = {}"
    " AND enterprise_assignment.until IS NULL AND issue_link.undone_at IS NULL AND issue_link.state = 'confirmed')"
)
_HELPED = (
    "issue.id IN (SELECT issue_unit.issue FROM issue_unit"
    " WHERE issue_unit.bureau = {{}} AND issue_unit.until IS NULL AND issue_unit.unit IN ({units}))"
)


def _sorted(reaches: Any) -> list[Any]:
    return sorted({unit for reach in reaches for unit in reach}, key=str)


class IssueUnit(Table, tablename="issue_unit"):
    """A unit at work on an issue until it was relieved: `lead`, `split` (分办: a part of its own) or `co` (协办: helps the lead).
    What is not the lead has a clock of its own from `asked_at`; `due` repeats what it says."""

    id = UUID(primary_key=True, default=None)
    bureau = UUID()
    issue = UUID()
    unit = UUID()
    role = Text()
    since = Timestamptz()
    until = Timestamptz(null=True, default=None)
    asked_at = Timestamptz(null=True, default=None)
    signed_at = Timestamptz(null=True, default=None)
    answered_at = Timestamptz(null=True, default=None)
    due = Timestamptz(null=True, default=None)


class IssueLink(Table, tablename="issue_link"):
    """A report an issue answers: `suggested` by a person or an algorithm, `confirmed`, or `rejected` and remembered as such.
    After a merge `via` names the issue it came along with. Undoing a link loses nothing."""

    id = UUID(primary_key=True, default=None)
    bureau = UUID()
    issue = UUID()
    report = UUID()
    enterprise = UUID(null=True, default=None)
    person = UUID()
    """Who wrote the report down."""
    via = UUID(null=True, default=None)
    method = Text(default=INTAKE)
    """How the two were brought together: one of `METHODS`."""
    score = DoublePrecision(null=True, default=None)
    """Likeness from 0 to 1, for what an algorithm proposed."""
    algorithm = Text(default="")
    """Its name and version."""
    state = Text(default=CONFIRMED)
    suggested_by = UUID(null=True, default=None)
    confirmed_by = UUID(null=True, default=None)
    rejected_by = UUID(null=True, default=None)
    decided_at = Timestamptz(null=True, default=None)
    linked_at = Timestamptz()
    undone_at = Timestamptz(null=True, default=None)


class IssueEvent(Table, tablename="issue_event"):
    """A line of the timeline, never changed. `counts_at` is when it counts for the clocks: the server's time, or for what
    happened on the road the phone's corrected time within its bounds (`told_at` as told, `time_mark` if it was moved)."""

    id = UUID(primary_key=True, default=None)
    bureau = UUID()
    issue = UUID()
    n = Integer()
    at = Timestamptz()
    counts_at = Timestamptz()
    verb = Text()
    outcome = Text(default="")
    source = Text(default="")
    target = Text()
    person = UUID()
    unit = UUID(null=True, default=None)
    fields = Text(default="{}")
    told_at = Timestamptz(null=True, default=None)
    time_mark = Text(default="")
    machine = Integer(default=0)
    """Version of the bureau's machine that judged it; 0 for the shipped one."""


class IssueReply(Table, tablename="issue_reply"):
    """What one enterprise is answered, never changed; `n` is the line of the timeline it was given with. It reaches the
    enterprise once a reviewer has signed it off."""

    id = UUID(primary_key=True, default=None)
    bureau = UUID()
    issue = UUID()
    report = UUID()
    n = Integer()
    words = Text()
    is_own = Boolean(default=False)
    """Words for this enterprise alone, not the common ones."""
    letter = Text()
    letter_definition = Text()
    person = UUID()
    at = Timestamptz()


class IssueDraft(Table, tablename="issue_draft"):
    """What has been typed of an issue nobody has submitted yet. Its id is the one the report will have; the enterprise stands
    on the issue, where a merge of enterprises finds it."""

    id = UUID(primary_key=True, default=None)
    bureau = UUID()
    issue = UUID()
    person = UUID()
    words = Text()
    """The `Draft` as JSON."""
    updated_at = Timestamptz()


class IssueSnooze(Table, tablename="issue_snooze"):
    """One person has put one issue aside until later. Only that person's lists know; its clocks run on. The id is made of the two."""

    id = UUID(primary_key=True, default=None)
    bureau = UUID()
    issue = UUID()
    person = UUID()
    until = Timestamptz()
    words = Text(default="")
    created_at = Timestamptz()


class IssueCounter(Table, tablename="issue_counter"):
    """The last number given in a bureau and year (0 for drafts); the row's id is made of the two."""

    id = UUID(primary_key=True, default=None)
    bureau = UUID()
    year = Integer()
    n = BigInt(default=0)


class ResultLetter(Table, tablename="result_letter"):
    """A result letter of this bureau's own, in place of the shipped A to D, from `since` until others took its place."""

    id = UUID(primary_key=True, default=None)
    bureau = UUID()
    letter = Text()
    zh = Text()
    en = Text(default="")
    place = Integer(default=0)
    since = Timestamptz(null=True, default=None)
    until = Timestamptz(null=True, default=None)
