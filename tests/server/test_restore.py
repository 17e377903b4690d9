"""`qifang restore` and a phone that knows more than the backup."""

import shutil
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest

from sync.identity import new_id
from sync.transaction import execute, fetch, transaction
from tests.conftest import _table_names
from tests.server.fieldwork import phone
from tests.server.workbooks import PULSE, workbook

pytestmark = pytest.mark.anyio


def filled(staff: int, **more: Any) -> dict[str, Any]:
    moment = datetime.now(UTC).isoformat()
    return {"form": "pulse", "version": "1", "answers": {"staff": staff}, "filled_at": moment, **more}


async def test_rule_15_scenario_37_a_phone_brings_back_what_the_backup_does_not_have(donghu, tmp_path):
    from server.keeping.archive import FOLDERS
    from server.keeping.backup import write_backup
    from server.keeping.restore import restore_backup
    from server.questionnaires.actions import publish_form
    from server.settings import settings

    await publish_form(donghu.system, workbook(PULSE), "pulse.xlsx")
    device = await phone(donghu, donghu.zhou)
    before, after = new_id(), new_id()
    device.do("record.submit", before, filled(1))
    await device.sync()
    await write_backup(tmp_path / "monday.tar.gz", lambda name, rows: None)
    photo = device.attach(after, "door.jpg", b"\xff\xd8\xff\xe0 a photo")
    device.do("record.submit", after, filled(2, attachments=[{"id": str(photo), "name": "door.jpg"}]))
    await device.sync()
    cursor = device.meta("cursor")
    async with transaction():
        for name in await _table_names():
            await execute(f"DELETE FROM {name}")
    for name in FOLDERS:
        shutil.rmtree(settings.data_folder / name, ignore_errors=True)
    await restore_backup(tmp_path / "monday.tar.gz", lambda name, rows: None)

    async def records() -> dict[str, Any]:
        shown = (await donghu.sun.client.get("/v1/records")).json()["items"]
        return {row["id"]: row for row in shown}

    assert set(await records()) == {str(before)}
    await device.sync()
    assert set(await records()) == {str(before), str(after)}
    assert set(device.rows("record")) == {before, after}
    assert device.rows("record")[after]["answers"] == {"staff": 2}
    (file,) = (await donghu.zhou.client.get("/v1/files", params={"record": str(after)})).json()
    assert (file["id"], file["state"]) == (str(photo), "stored")
    assert (device.unsent(), device.unsent_files(), device.meta("lost_until")) == ([], {}, "")
    assert device.meta("cursor") != cursor
    hello = await device.hello()
    assert hello.have_n == 3, "one in the backup, and the two of the journal"
    device.close()


async def test_rule_15_scenario_37_after_a_database_was_put_back_by_hand_one_command_has_phones_compare_themselves(
    donghu,
):
    from server.keeping.history import begin_new_history

    device = await phone(donghu, donghu.zhou)
    device.do("feedback.send", new_id(), {"words": "按钮太小"})
    await device.sync()
    assert await begin_new_history() == ["donghu"]
    await device.sync()
    (again,) = [device.result(id) for id in await operations_of(device)]
    assert (again.status, again.duplicate) == ("applied", True)
    assert (await fetch("SELECT count(*) AS n FROM feedback"))[0]["n"] == 1
    events = [row["event"] for row in (await donghu.sun.client.get("/v1/audit?limit=200")).json()["items"]]
    assert "feed.new_history" in events
    device.close()


async def operations_of(device: Any) -> list[UUID]:
    return [UUID(row["id"]) for row in device.db.execute("SELECT id FROM operation")]
