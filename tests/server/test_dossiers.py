"""What an enterprise confirms in a questionnaire goes into its dossier, once, and never over newer news."""

from datetime import UTC, datetime, timedelta

import pytest

from tests.forms.test_five_questionnaires import GOOD
from tests.server.fieldwork import enterprises, phone, publish, submit

pytestmark = pytest.mark.anyio


def census(enterprise, **more):
    return GOOD["cultivation_census"] | {"enterprise": str(enterprise), "base_confirmed": "yes"} | more


async def dossier(donghu, enterprise):
    return (await donghu.sun.client.get(f"/v1/enterprises/{enterprise}")).json()


async def send(donghu, enterprise, answers, **more):
    device = await phone(donghu, donghu.zhou)
    version = await publish(donghu, "cultivation_census")
    submit(device, "cultivation_census", version, answers, enterprise=enterprise, **more)
    await device.sync()


async def test_confirmed_base_data_reaches_the_dossier(donghu):
    enterprise = (await enterprises(donghu, 1))[0]

    await send(donghu, enterprise, census(enterprise))

    after = await dossier(donghu, enterprise)
    assert after["industry"] == "C40"
    assert after["facts"]["registered_on"] == "2015-03-02"


async def test_what_was_not_confirmed_stays_in_the_record_alone(donghu):
    enterprise = (await enterprises(donghu, 1))[0]

    await send(donghu, enterprise, census(enterprise, base_confirmed="no"))

    assert (await dossier(donghu, enterprise))["industry"] == ""


async def test_a_record_from_before_the_desk_s_change_does_not_undo_it(donghu):
    enterprise = (await enterprises(donghu, 1))[0]
    changed = await donghu.sun.client.patch(f"/v1/enterprises/{enterprise}", json={"set": {"industry": "I65"}})
    assert changed.status_code == 200, changed.text

    await send(donghu, enterprise, census(enterprise), filled_at=datetime.now(UTC) - timedelta(days=2))

    after = await dossier(donghu, enterprise)
    assert after["industry"] == "I65"
    assert after["facts"]["registered_on"] == "2015-03-02", "what nobody touched is still news"
