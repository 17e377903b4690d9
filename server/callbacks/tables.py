"""Call-backs: what each reporter answered when asked whether the matter was really settled."""

from __future__ import annotations

from typing import Any
from uuid import UUID as Id

from piccolo.columns import UUID, Boolean, Date, Integer, Text, Timestamptz
from piccolo.table import Table


class Callback(Table, tablename="callback"):
    """One try to reach one reporter of one issue. `turn` counts the redos: after a redo everybody is asked anew.

    `concludes` says that this reporter need not be tried again in this turn: they answered, refused, or could not be
    reached on enough days."""

    id = UUID(primary_key=True, default=None)
    bureau = UUID()
    issue = UUID()
    report = UUID()
    turn = Integer()
    n = Integer()
    caller = UUID()
    at = Timestamptz()
    day = Date()
    channel = Text()
    reached = Text()
    respondent = Text(default="", secret=True)
    """Personal data: erased with its purpose."""
    contacted = Text(default="")
    solved = Text(default="")
    satisfied = Text(default="")
    attitude = Integer(null=True, default=None)
    speed = Integer(null=True, default=None)
    why_not = Text(default="[]")
    why_words = Text(default="")
    subjective = Boolean(default=False)
    redo = Boolean(default=False)
    agree_case = Boolean(default=False)
    words = Text(default="")
    concludes = Boolean(default=False)
    counts = Boolean(default=True)
    """False for an answer that came when this reporter had answered already in this turn: kept and shown, in no rate."""

    @classmethod
    def of_issue(cls, bureau: Id, issue: Id) -> Any:
        return cls.objects().where(cls.bureau == bureau, cls.issue == issue).order_by(cls.at, cls.id)


class CallbackPolicy(Table, tablename="callback_policy"):
    """Who is called back, by the bureau's own rules. The newest version counts; what was drawn names the one it was drawn by."""

    id = UUID(primary_key=True, default=None)
    bureau = UUID()
    version = Integer()
    rules = Text(secret=True)
    """The `Rules` as JSON; the seed in them is not for those who would like to know beforehand."""
    person = UUID()
    at = Timestamptz()


class CallbackTask(Table, tablename="callback_task"):
    """One reporter of one issue in one turn: drawn to be called by `due_on`, or not drawn and left alone until `closes_on`."""

    id = UUID(primary_key=True, default=None)
    bureau = UUID()
    issue = UUID()
    report = UUID()
    turn = Integer()
    drawn = Boolean()
    percent = Integer()
    """Of such issues so many are drawn."""
    number = Integer()
    """From 0 to 9999; drawn when it is below a hundred times `percent`."""
    rule = Text()
    policy_version = Integer()
    officer = UUID(null=True, default=None)
    """Who is to call; none where nobody may."""
    due_on = Date()
    closes_on = Date()
    """From the day after, an issue nobody was drawn for closes by itself."""
    state = Text()
    made_at = Timestamptz()
    settled_at = Timestamptz(null=True, default=None)

    @classmethod
    def of_issue(cls, bureau: Id, issue: Id) -> Any:
        return cls.objects().where(cls.bureau == bureau, cls.issue == issue).order_by(cls.turn, cls.made_at, cls.id)
