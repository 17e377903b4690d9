"""A firm written down twice becomes one; what phones still send about the other one finds its way."""

import pytest

from server.enterprises.actions import NewEnterprise, add_enterprise
from server.enterprises.assignments.actions import assign_enterprise
from server.enterprises.merging.actions import merge_enterprises
from tests.server.fieldwork import CODES, enterprises, phone, publish, submit, visit_answers

pytestmark = pytest.mark.anyio


async def test_a_record_about_a_firm_that_was_merged_meanwhile_goes_where_the_firm_went(donghu):
    twice = (await enterprises(donghu, 1))[0]
    known = await add_enterprise(donghu.system, NewEnterprise(name="东湖精工仪表有限公司", credit_code=CODES[0]))
    await assign_enterprise(donghu.system, known.id, donghu.zhou.id)
    version = await publish(donghu, "visit_record")
    device = await phone(donghu, donghu.zhou)
    await device.pull()
    record = submit(device, "visit_record", version, visit_answers(twice, "2026-11-20"), enterprise=twice)

    await merge_enterprises(donghu.system, twice, known.id)
    results = await device.push()

    assert [result.status for result in results] == ["applied"]
    shown = (await donghu.sun.client.get(f"/v1/records/{record}")).json()["record"]
    assert shown["enterprise"] == str(known.id)
