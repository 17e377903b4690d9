"""What is told to whom, the ways out of the house, and every try to use one."""

from __future__ import annotations

from typing import Any

from piccolo.columns import UUID, Boolean, Integer, Text, Timestamptz
from piccolo.table import Table

from server.people.actor import Actor


class Channel(Table, tablename="notice_channel"):
    """A way out of the house that an administrator has connected. Kinds `mail` and `sms` reach persons; the others are one
    place each (a group's robot, another system) that hears of `topics` (all when empty) concerning `unit` and below."""

    id = UUID(primary_key=True, default=None)
    bureau = UUID(index=True)
    name = Text()
    kind = Text()
    place = Text()
    """Where it goes, as far as that may be shown: a host without path, key or password."""
    sealed = Text(secret=True)
    """The whole connection with its secrets, encrypted (`channels/sealing.py`)."""
    topics = Text(default="[]")
    unit = UUID(null=True, default=None)
    hours = Text()
    """`working`: what is not urgent waits for working time; `always`: at once."""
    detail = Text()
    """`brief`: the title alone; `full`: the text as well."""
    by_default = Boolean(default=False)
    """Whether persons who have not chosen are told this way."""
    disabled_at = Timestamptz(null=True, default=None)
    created_at = Timestamptz()

    @classmethod
    def of_bureau(cls, bureau: Any) -> Any:
        return cls.objects().where(cls.bureau == bureau)


class Notice(Table, tablename="notice"):
    """One thing told to one person, or to one channel that is a place of its own. The id is made of recipient and key, so
    that telling the same again tells it once."""

    id = UUID(primary_key=True, default=None)
    bureau = UUID()
    person = UUID(null=True, default=None)
    channel = UUID(null=True, default=None)
    topic = Text()
    subject_kind = Text()
    subject = UUID()
    is_urgent = Boolean(default=False)
    words = Text()
    """`Words` as JSON: title and text in both languages, and the facts as data."""
    created_at = Timestamptz()
    read_at = Timestamptz(null=True, default=None)

    @classmethod
    def visible_to(cls, actor: Actor) -> Any:
        """One's own and nobody else's, whatever the role."""
        return cls.objects().where(cls.bureau == actor.bureau, cls.person == actor.person)


class Delivery(Table, tablename="notice_delivery"):
    """One notice on its way through one channel. The row is the queue: `pending` rows whose `next_try_at` has come are claimed;
    a claim moves it on by the length of a lease, so what a dead process held comes back by itself."""

    id = UUID(primary_key=True, default=None)
    bureau = UUID()
    notice = UUID()
    channel = UUID()
    person = UUID(null=True, default=None)
    kind = Text()
    topic = Text()
    state = Text()
    tries = Integer(default=0)
    next_try_at = Timestamptz()
    holder = UUID(null=True, default=None)
    """Who has claimed it."""
    tried_at = Timestamptz(null=True, default=None)
    status = Integer(default=0)
    """The last answer's status: of HTTP, of SMTP, or 0 for none."""
    answer = Text(default="")
    """The beginning of the last answer."""
    digest = UUID(null=True, default=None)
    """The collecting notice this one went with."""
    created_at = Timestamptz()
    settled_at = Timestamptz(null=True, default=None)


class Wish(Table, tablename="notice_wish"):
    """How one person wants to be told; the id is the person's."""

    id = UUID(primary_key=True, default=None)
    bureau = UUID(index=True)
    mail = Text(default="")
    channels = Text(default="null")
    """Ids as JSON; null for what the bureau has made the default."""
    hours = Text(default="working")
    digest = Text(default="")
    digest_hour = Integer(default=9)
    muted = Text(default="[]")
    """Topics as JSON."""
    changed_at = Timestamptz()
