"""What each verb asks of the person who uses it: the body of its request and the arguments of its operation.

Units are named by their code. Whatever is typed here is kept in the timeline for ever, so nothing personal belongs into it.
"""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal
from uuid import UUID

from msgspec import Meta, Struct

Words = Annotated[str, Meta(min_length=1, max_length=4000)]
Longer = Annotated[str, Meta(max_length=4000)]
Code = Annotated[str, Meta(max_length=64)]
Codes = Annotated[list[Code], Meta(max_length=20)]
Files = Annotated[list[UUID], Meta(max_length=50)]


class Nothing(Struct, frozen=True, forbid_unknown_fields=True):
    pass


class Note(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A remark is welcome but not needed."""

    words: Longer = ""
    files: Files = []


class NoteText(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    words: Words
    files: Files = []


class Reassign(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    reason: Words
    to: Code = ""
    """Login of somebody of the lead unit; left out, the post chooses anybody but who has it now."""


class Reason(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    reason: Words


class Dispatch(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Without `lead` the routing matrix decides. `category` and `urgency` correct the author's; a
    correction chooses the policy anew by the bureau's rules, unless one is named now or was before."""

    lead: Code = ""
    split: Codes = []
    co: Codes = []
    category: Code = ""
    urgency: Code = ""
    policy: Code = ""
    forced: bool = False
    """Final: the unit may not ask to return it."""
    words: Longer = ""


class Assign(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    lead: Annotated[str, Meta(min_length=1, max_length=64)]
    split: Codes = []
    co: Codes = []
    words: Longer = ""


class Refuse(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`ground`: not this area or duty · emergency services' business · court, arbitration, reconsideration or petition in
    progress · state secret · the same matter without news."""

    ground: Literal["not_our_duty", "emergency", "in_litigation", "state_secret", "nothing_new"]
    words: Words
    """What the enterprise was told."""


class OnSite(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    answer: Words
    files: Files = []


class RequestReturn(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    reason: Words
    ground: Words
    """The rule by which it is not this unit's duty."""
    suggested_unit: Annotated[str, Meta(min_length=1, max_length=64)]


class DecideReturn(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    outcome: Literal["granted", "denied"]
    reason: Words


class Contacted(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    channel: Literal["phone", "visit", "video", "message", "office"]
    words: Longer = ""
    files: Files = []


class AskCo(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    co: Annotated[list[Code], Meta(min_length=1, max_length=20)]
    words: Words


class Wait(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    needed: Words
    """What the enterprise has to bring."""
    files: Files = []


class ToReporter(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    report: UUID
    words: Words


class Reply(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    letter: Annotated[str, Meta(min_length=1, max_length=4)]
    words: Words
    """The answer the enterprise gets."""
    each: Annotated[list[ToReporter], Meta(max_length=100)] = []
    """Other words for some of several enterprises. They are kept with that enterprise's report and not in the timeline."""
    lesson: Longer = ""
    """举一反三: what changes for all cases of the kind, above all when it is being redone."""
    without_parts: Longer = ""
    """Why the answer does not wait for units that have a part of their own."""
    files: Files = []


class Review(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    outcome: Literal["signed_off", "sent_back"]
    words: Longer = ""


class CallBack(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Given by the call-back itself; `outcome` is kept (all is well so far) or redo."""

    outcome: Literal["kept", "redo"]
    callback: UUID
    reached: str
    satisfied: str = ""


class Close(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`letter` may correct the reply's."""

    letter: Annotated[str, Meta(max_length=4)] = ""
    proof: Words
    files: Files = []


class Milestone(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    on: date
    what: Words


class Account(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    plan: Words
    milestone_on: date
    """Of the next milestone."""
    milestones: Annotated[list[Milestone], Meta(max_length=50)] = []
    reason: Words


class ReviewAccount(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """It stays on account: how far it got, and what comes next."""

    words: Words
    milestone_on: date
    milestones: Annotated[list[Milestone], Meta(max_length=50)] = []
    """The plan from now on; empty leaves it as it was."""
    files: Files = []


class Transfer(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    to: Annotated[str, Meta(min_length=1, max_length=200)]
    number: Annotated[str, Meta(min_length=1, max_length=100)]
    """The number it has there."""
    words: Longer = ""


class Remind(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    channel: Literal["phone", "letter", "system", "visit", "message"]
    words: Longer = ""
    """What they said."""
    files: Files = []


class Escalate(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    reason: Words
    owner: Annotated[str, Meta(max_length=64)] = ""
    """Login of the person who has it in hand from now on."""


class Supervise(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the lead unit must answer, and by which day; a day without an answer raises the issue by itself."""

    words: Words
    answer_by: date


class CoAnswer(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    words: Words
    unit: Code = ""
    """Whose answer it is; else that of the person's own unit, or for the lead of every unit it waits for."""
    files: Files = []


class RequestExtension(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    clock: Literal["reply", "solve", "redo"] = "solve"
    until: date
    reason: Words


class DecideExtension(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    outcome: Literal["granted", "denied"]
    reason: Words
    told_enterprise: bool = False
    """Whether the new date was explained to the enterprise."""


class Merge(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    into: Annotated[str, Meta(min_length=1, max_length=64)]
    """Number or id of the issue that goes on."""
    reason: Words


class LinkReport(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    report: UUID
    words: Longer = ""


class UnlinkReport(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    report: UUID
    reason: Words


class Withdraw(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    words: Words
    """The enterprise's own words."""


class JudgeLink(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    report: UUID
    words: Longer = ""


class RejectLink(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    report: UUID
    reason: Words


class Split(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    reports: Annotated[list[UUID], Meta(min_length=1, max_length=100)]
    title: Annotated[str, Meta(max_length=200)] = ""
    """Of the new issue; else that of its first report."""
    reason: Words


class Join(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    parent: Annotated[str, Meta(min_length=1, max_length=64)]
    """Number or id of the common problem."""
    words: Longer = ""


class AdoptAnswer(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Given by the answer to all."""

    parent: str
    letter: Annotated[str, Meta(min_length=1, max_length=4)]
    words: Words
    each: Annotated[list[ToReporter], Meta(max_length=100)] = []
    files: Files = []
