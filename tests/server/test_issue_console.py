"""The queue and the matrix from the console, in a process of its own."""

import asyncio
import json
import sys
from asyncio.subprocess import PIPE
from uuid import UUID

import pytest

from tests.server.test_issues import filed, report

pytestmark = pytest.mark.anyio


async def console(*words: str) -> tuple[int | None, str, str]:
    process = await asyncio.create_subprocess_exec(sys.executable, "-m", "server.cli", *words, stdout=PIPE, stderr=PIPE)
    out, err = await process.communicate()
    return process.returncode, out.decode(), err.decode()


async def test_a_matrix_is_loaded_from_a_file_and_an_issue_dispatched_by_it(donghu, tmp_path):
    (number,) = await filed(donghu, report(donghu))
    duties = tmp_path / "duties.csv"
    duties.write_text("category,place,lead,co,note\n01,,finance,sme,金融信贷\n", encoding="gb18030")
    code, out, err = await console("routing", "load", str(duties), "--json")
    assert (code, err, json.loads(out)) == (0, "", {"version": 1, "rules": 1})
    code, out, err = await console("issue", "dispatch", number, "--json")
    assert (code, err) == (0, "")
    assert (json.loads(out)["state"], json.loads(out)["lead"]) == ("DISPATCHED", "finance")
    assert json.loads(out)["events"][-1]["fields"]["why"].endswith("由 finance 主办(金融信贷);属地协办 bayi")
    shown, unknown = await asyncio.gather(
        console("issue", "show", number), console("issue", "show", "东湖-1999-000001")
    )
    assert "已派单待签收" in shown[1]
    assert "期限至 2026-09-29(周二) 24:00 止。" in shown[1]
    assert (unknown[0], unknown[2].split(":")[0]) == (1, "issue.unknown")


async def test_a_list_of_campaigns_does_not_end_with_a_page(donghu):
    from server.campaigns.tables import Campaign
    from server.moment import now
    from server.paging import LIMIT_MAX
    from sync.identity import new_id

    own = {"bureau": donghu.bureau, "created_by": donghu.sun.id, "created_at": now()}
    await Campaign.insert(*(Campaign(id=new_id(), name=f"第 {n} 个", **own) for n in range(LIMIT_MAX + 1)))
    code, out, err = await console("campaign", "list", "--json")
    assert (code, err, len({one["name"] for one in json.loads(out)})) == (0, "", LIMIT_MAX + 1)


async def test_issues_are_merged_split_and_put_below_a_common_problem_from_the_console(donghu):
    first, second, third = await filed(donghu, *(report(donghu, n) for n in range(1, 4)))
    code, out, err = await console(
        "issue", "merge", first, second, "东湖-1999-000001", "--reason", "同一件事", "--json"
    )
    assert (code, err) == (0, "")
    assert [(one["issue"], one["is_merged"]) for one in json.loads(out)] == [
        (second, True),
        ("东湖-1999-000001", False),
    ]
    code, out, err = await console("issue", "split", first, "no-id", "--reason", "两件事")
    assert code != 0
    code, out, err = await console("issue", "split", third, str(UUID(int=3)), "--reason", "两件事")
    assert (code, err.split(":")[0]) == (1, "issue.split_all")
    linked = await donghu.lin.client.post(f"/v1/issues/{third}/links", json={"report": str(UUID(int=1)), "words": ""})
    assert linked.status_code == 201, linked.text
    code, out, err = await console("issue", "split", third, str(UUID(int=1)), "--reason", "两件事", "--json")
    assert (code, err, len(json.loads(out)["links"])) == (0, "", 1)
    code, out, err = await console("issue", "common", "贷款难", first, third, "--words", "同一类", "--json")
    assert (code, err, [one["is_merged"] for one in json.loads(out)["issues"]]) == (0, "", [True, True])
