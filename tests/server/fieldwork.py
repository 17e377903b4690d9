"""What the tests of visits, symposia, tasks and campaigns begin with: enterprises in somebody's care, a published
questionnaire, a phone, and a record that phone submits."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec

from sync.identity import new_id

SEED = Path(__file__).parent.parent.parent / "server" / "questionnaires" / "seed"
NAMES = ["东湖精工仪表", "赣江云软件", "青山湖食品", "滕王阁文创", "八一精密铸造", "贤士湖生物"]
CODES = ["9136010200000TE17L", "913601020000000430"]
_published: dict[str, dict[str, Any]] = {}


async def enterprises(donghu: Any, count: int, *, of: Any = None, pool: str = "") -> list[UUID]:
    """Firms of the bureau without a credit code, all in the care of one commissioner (zhou)."""
    from server.enterprises.actions import NewEnterprise, add_enterprise
    from server.enterprises.assignments.actions import assign_enterprise

    member = of or donghu.zhou
    made = []
    for name in NAMES[:count]:
        row = await add_enterprise(donghu.system, NewEnterprise(name=name, region="360102", facts={"staff": "40"}))
        await assign_enterprise(donghu.system, row.id, member.id)
        made.append(row.id)
    return made


async def publish(donghu: Any, form_id: str) -> str:
    """Publishes the bureau's own workbook and answers its version. The workbook is converted once per test run."""
    from server.questionnaires.actions import publish_form
    from server.questionnaires.tables import Form, FormMedia, FormVersion
    from sync.feed import touch
    from sync.transaction import transaction

    if form_id not in _published:
        content = (SEED / f"{form_id}.xlsx").read_bytes()
        await publish_form(donghu.system, content, f"{form_id}.xlsx")
        _published[form_id] = {
            "version": (await FormVersion.select().where(FormVersion.form_id == form_id))[0],
            "media": await FormMedia.select(),
            "form": (await Form.select().where(Form.form_id == form_id))[0],
        }
    else:
        kept = _published[form_id]
        version, form = new_id(), new_id()
        async with transaction():
            await FormVersion(**{**kept["version"], "id": version, "bureau": donghu.bureau}).save()
            await Form(**{**kept["form"], "id": form, "bureau": donghu.bureau, "current": version}).save()
            touch(donghu.bureau, "form", form)
    return _published[form_id]["version"]["version"]


async def phone(donghu: Any, member: Any, store: str = ":memory:") -> Any:
    """A phone of this person, enrolled at the real door."""
    from sync.phone import Phone
    from tests.server.conftest import knock

    offered = await donghu.chen.client.post("/v1/enrolments", json={"login": member.login})
    assert offered.status_code == 201, offered.text
    made = Phone(store, knock())
    await made.enrol(offered.json()["code"])
    return made


def submit(device: Any, form: str, version: str, answers: dict[str, Any], **more: Any) -> UUID:
    """Puts a filled-in questionnaire into the phone's queue; answers the record's id."""
    record = new_id()
    filled_at = more.pop("filled_at", datetime.now(UTC))
    args = {"form": form, "version": version, "answers": answers, "filled_at": filled_at, **more}
    device.do("record.submit", record, msgspec.to_builtins(args))
    return record


def visit_answers(enterprise: UUID, day: str, **more: Any) -> dict[str, Any]:
    """A visit record with everything required and nothing else."""
    return {
        "in_registry": "yes",
        "enterprise": str(enterprise),
        "visit_date": day,
        "channel": "on_site",
        "purpose": ["routine"],
        "visitors": [{"visitor_name": "周访"}],
        "hosts": [{"host_name": "胡总"}],
        "situation": {"operate_state": "normal"},
        "no_issue_confirm": "yes",
        **more,
    }
