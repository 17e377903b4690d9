"""Symposia: planned by a supervisor, people signed in from several phones, minutes and problems in one record."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from msgspec import Struct

from server.demo.acts.phones import Done, Phones
from server.demo.acts.stories import Matter, Stories
from server.demo.cast import Firm, Player
from server.people.roles import COMMISSIONER, SUPERVISOR
from server.settings import settings
from server.symposia.actions import NewSymposium, plan_symposium
from sync.identity import new_id

AGENDA = (("通报惠企政策", 20), ("企业发言", 60), ("部门回应", 40))
GISTS = (
    "订单较好,但资金和用工紧张。",
    "希望政策兑现再快一点。",
    "原材料涨价,利润变薄。",
    "准备扩产,需要场地和用电支持。",
)


class Meeting(Struct, kw_only=True):
    """`matters` are raised by the firms in their order; the other firms only listen."""

    title: str
    kind: str
    place: str
    starts: datetime
    recorder: Player
    firms: list[Firm]
    matters: list[Matter]
    id: UUID | None = None


async def plan_meeting(phones: Phones, meeting: Meeting) -> None:
    stage, cast = phones.stage, phones.cast
    supervisor = await stage.actor(cast.of_role(SUPERVISOR)[0].id)
    helpers = [player.id for player in cast.of_role(COMMISSIONER)[:3] if player is not meeting.recorder]
    planned = await plan_symposium(
        supervisor,
        NewSymposium(
            title=meeting.title,
            kind=meeting.kind,
            starts_at=meeting.starts,
            place=meeting.place,
            host="区中小企业服务局",
            recorder=meeting.recorder.id,
            invited=[firm.id for firm in meeting.firms],
            helpers=helpers,
        ),
    )
    meeting.id = planned.id


async def hold_meeting(phones: Phones, stories: Stories, meeting: Meeting, moment: datetime) -> None:
    """The recorder's phone sends the record when the meeting is over; its problems begin their stories."""
    chance = phones.stage.chance
    starts = meeting.starts.astimezone(settings.timezone)
    ends = starts + timedelta(minutes=150)
    answers: dict[str, Any] = {
        "meeting_name": meeting.title,
        "meeting_kind": meeting.kind,
        "start_at": starts.isoformat(timespec="milliseconds"),
        "end_at": ends.isoformat(timespec="milliseconds"),
        "place": meeting.place,
        "host_unit": "区中小企业服务局",
        "recorder": str(meeting.recorder.id),
        "agenda": [{"agenda_item": item, "agenda_minutes": minutes} for item, minutes in AGENDA],
        "questions_due": (starts.date() - timedelta(days=2)).isoformat(),
        "attendance": [_present(firm) for firm in meeting.firms]
        + [{"attendee_kind": "department", "att_unit": "区金融服务中心", "att_name": "金融科负责人"}],
        "statements": [
            {"speaker": firm.contact, "gist": chance.choice(GISTS), "statement_kind": "difficulty"}
            for firm in meeting.firms[:4]
        ],
        "issues": [
            matter.raised.row(chance, starts.date()) | {"issue_enterprise": str(firm.id), "to_triage": "yes"}
            for matter, firm in zip(meeting.matters, meeting.firms, strict=False)
        ],
        "minutes": {"conclusion": "企业反映的问题由分办员当日分办,一周内首次联系企业。"},
    }
    more = {"origin": "symposium", "visit": meeting.id}
    record = new_id(moment.timestamp())
    args = phones.fill_in("symposium", answers, ends + timedelta(minutes=10), minutes=160, more=more)
    await phones.send(meeting.recorder, Done("record.submit", record, args, ends + timedelta(minutes=10)), moment)
    await stories.begin_all(meeting.matters, record, moment)


def _present(firm: Firm) -> dict[str, Any]:
    return {"attendee_kind": "firm", "att_enterprise": str(firm.id), "att_name": firm.contact, "att_mode": "present"}
