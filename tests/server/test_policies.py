"""Clock policies through the door: editions that are dated, tried, refused, and never rewrite what was."""

import json
from datetime import timedelta

import pytest

from server.issues.redating.actions import finish_recounts
from server.moment import at
from sync.transaction import fetch
from tests.server.test_demo import console
from tests.server.test_issues import FRIDAY, do, filed, report
from tests.server.test_timers import noon

pytestmark = pytest.mark.anyio


def solve_of(shown) -> tuple[str, str]:
    due = next(due for due in shown["dues"] if due["clock"] == "solve")
    return due["day"], due["policy"]


async def written(donghu, name: str = "ordinary", **limits) -> dict:
    edition = (await donghu.sun.client.get(f"/v1/clock-policies/{name}")).json()[0]
    return {"zh": edition["zh"], "limits": edition["limits"] | limits, "rules": edition["rules"]}


async def put(donghu, body: dict, status: int = 200, name: str = "ordinary") -> dict:
    answer = await donghu.sun.client.put(f"/v1/clock-policies/{name}", json=body)
    assert answer.status_code == status, answer.text
    return answer.json()


async def shown(donghu, number: str) -> dict:
    return (await donghu.lin.client.get(f"/v1/issues/{number}")).json()


async def test_ten_policies_ship_and_everybody_who_works_with_them_reads_them(donghu):
    found = {one["name"]: one for one in (await donghu.lin.client.get("/v1/clock-policies")).json()}
    assert set(found) == {
        "consult", "ordinary", "complex", "historic", "urgent", "13710", "proposals", "quanzhou", "shandong", "window",
    }  # fmt: skip
    assert (found["shandong"]["limits"]["solve"], found["shandong"]["limits"]["hard_stop"]) == ("15wd", "30wd")
    assert found["quanzhou"]["limits"]["triage"] == "0wd"
    unknown = await donghu.lin.client.get("/v1/clock-policies/none")
    assert (unknown.status_code, unknown.json()["code"]) == (404, "policy.unknown")
    assert (await donghu.zhou.client.get("/v1/clock-policies")).status_code == 403


async def test_an_issue_keeps_the_edition_it_started_with(donghu):
    (first,) = await filed(donghu, report(donghu, 1))
    with at(noon("2026-09-20")):
        effect = await put(donghu, await written(donghu, solve="5wd"))
    assert (effect["version"], effect["issues"], effect["valid_from"]) == (2, 0, "2026-09-20")
    (second,) = await filed(donghu, report(donghu, 2, reported_at=noon("2026-09-21")))
    assert solve_of(await shown(donghu, first)) == ("2026-09-29", "ordinary@1")
    assert solve_of(await shown(donghu, second)) == ("2026-09-29", "ordinary@2")
    rows = await fetch("SELECT number, policy_version FROM issue ORDER BY number")
    assert [row["policy_version"] for row in rows] == [1, 2]
    editions = (await donghu.sun.client.get("/v1/clock-policies/ordinary")).json()
    assert [(one["version"], one["in_force"]) for one in editions] == [(2, True), (1, False)]


async def test_an_edition_dated_forward_holds_from_its_day(donghu):
    with at(noon("2026-09-20")):
        await put(donghu, await written(donghu, solve="5wd") | {"valid_from": "2026-09-22"})
    (before,) = await filed(donghu, report(donghu, 1, reported_at=noon("2026-09-21")))
    (after,) = await filed(donghu, report(donghu, 2, reported_at=noon("2026-09-22")))
    assert solve_of(await shown(donghu, before))[1] == "ordinary@1"
    assert solve_of(await shown(donghu, after)) == ("2026-09-30", "ordinary@2")


async def test_open_issues_move_when_told_to_and_what_was_known_before_can_be_shown_again(donghu):
    (number,) = await filed(donghu, report(donghu))
    with at(noon("2026-09-20")):
        body = await written(donghu, solve="9wd") | {"open_too": True, "note": "汛期"}
        tried = await donghu.sun.client.post("/v1/clock-policies/ordinary/dry-run", json=body)
        assert tried.status_code == 200
        told = tried.json()
        assert (told["is_dry_run"], told["issues"], told["breaches"]) == (True, 1, 0)
        assert [(move["number"], move["clock"], move["after"]) for move in told["moves"]] == [
            (number, "solve", "2026-10-08T16:00:00Z")
        ]
        assert solve_of(await shown(donghu, number)) == ("2026-09-29", "ordinary@1"), "a dry run writes nothing"
        assert (await put(donghu, body))["issues"] == 1
        assert solve_of(await shown(donghu, number)) == ("2026-10-08", "ordinary@2")
    rows = await fetch("SELECT details FROM audit_row WHERE event = 'issue.redate'")
    assert "2026-09-29T16:00:00+00:00" in rows[0]["details"], "the old date is history"
    with at(noon("2026-09-21")):
        earlier = await donghu.lin.client.get(f"/v1/issues/{number}/clocks", params={"at": "2026-09-19T12:00:00+08:00"})
        later = await donghu.lin.client.get(f"/v1/issues/{number}/clocks")
        assert (solve_of(earlier.json()), earlier.json()["policy"]) == (("2026-09-29", "ordinary@1"), "ordinary@1")
        assert solve_of(later.json()) == ("2026-10-08", "ordinary@2")
        naive = await donghu.lin.client.get(f"/v1/issues/{number}/clocks", params={"at": "2026-09-19T12:00:00"})
    assert naive.status_code in (400, 422)


async def test_an_edition_that_would_make_somebody_late_in_the_past_is_refused_whole(donghu):
    (number,) = await filed(donghu, report(donghu))
    with at(noon("2026-09-23")):
        body = await written(donghu, solve="2wd") | {"open_too": True}
        tried = (await donghu.sun.client.post("/v1/clock-policies/ordinary/dry-run", json=body)).json()
        assert (tried["breaches"], tried["moves"][0]["is_new_breach"]) == (1, True)
        refused = await put(donghu, body, 409)
        assert refused["code"] == "policy.past_breach"
        assert (refused["details"]["number"], refused["details"]["forward"]) == (number, "2026-09-24")
        assert len((await donghu.sun.client.get("/v1/clock-policies/ordinary")).json()) == 1, "nothing is half written"
        assert (await put(donghu, body | {"open_too": False, "valid_from": "2026-09-24"}))["issues"] == 0


async def test_an_edit_that_would_make_somebody_late_can_be_dated_forward(donghu):
    (number,) = await filed(donghu, report(donghu))
    with at(noon("2026-09-23")):
        body = await written(donghu, solve="2wd") | {"open_too": True}
        answer = await donghu.sun.client.put("/v1/clock-policies/ordinary", params={"forward": "true"}, json=body)
        effect = answer.json()
        assert (effect["is_forwarded"], effect["valid_from"], effect["issues"]) == (True, "2026-09-24", 0)
        assert solve_of(await shown(donghu, number)) == ("2026-09-29", "ordinary@1")
    (later,) = await filed(donghu, report(donghu, 2, reported_at=noon("2026-09-24")))
    assert solve_of(await shown(donghu, later))[1] == "ordinary@2"


async def test_the_edition_is_in_force_before_the_dates_and_any_process_walks_on(donghu, monkeypatch):
    monkeypatch.setattr("server.issues.redating.walk.CHUNK", 2)
    monkeypatch.setattr("server.issues.policies.actions.PROMPT_PAGES", 1)
    numbers = await filed(donghu, *(report(donghu, n) for n in range(1, 6)))
    with at(noon("2026-09-20")):
        assert (await put(donghu, await written(donghu, solve="9wd") | {"open_too": True}))["issues"] == 5
        versions = await fetch("SELECT policy_version FROM issue ORDER BY number")
        assert sorted(row[0] for row in versions) == [1, 1, 1, 2, 2]
        assert solve_of(await shown(donghu, numbers[4])) == ("2026-10-08", "ordinary@2"), "shown by its timeline"
        assert await finish_recounts() == 1
        assert await finish_recounts() == 0
    rows = await fetch("SELECT policy_version, solve_due FROM issue")
    assert {row[0] for row in rows} == {2}
    assert len({row[1] for row in rows}) == 1
    redated = await shown(donghu, numbers[0])
    assert [one["calendar"] for one in redated["redates"]] == ["ordinary@2"]


async def test_a_breach_may_be_forgiven_afterwards(donghu):
    (number,) = await filed(donghu, report(donghu))
    with at(noon("2026-09-22")):
        assert (await shown(donghu, number))["light"] == "red", "not triaged by Sunday"
        await put(donghu, await written(donghu, triage="5wd") | {"open_too": True})
        assert (await shown(donghu, number))["light"] == "green"


async def test_a_bureau_s_own_policy_is_chosen_at_dispatch_with_rules_of_its_own(donghu):
    (number,) = await filed(donghu, report(donghu))
    body = await written(donghu, solve="20wd")
    body["rules"] = {"waits_max": 1, "extensions_max": 1, "extension_notice": 3, "extension_percent": 50}
    with at(FRIDAY - timedelta(hours=1)):
        assert (await put(donghu, body | {"zh": "园区专办"}, name="park"))["version"] == 1
    with at(FRIDAY):
        sent = await do(donghu.lin, number, "dispatch", lead="finance", policy="park")
        assert (solve_of(sent)[1], sent["policy"]) == ("park@1", "park")
        await do(donghu.he, number, "signature")
        await do(donghu.he, number, "wait", needed="审计报告")
        await do(donghu.he, number, "resumption")
        used = await do(donghu.he, number, "wait", 409, needed="再补")
        assert (used["code"], used["details"]) == ("issue.wait_used", {"limit": 1, "used": 1})
        far = await do(donghu.he, number, "extension-request", 422, until="2026-12-01", reason="评审")
        assert (far["details"]["percent"], far["details"]["longest"]) == (50, "2026-11-05")


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"limits": {"solve": "soon"}}, "policy.unreadable"),
        ({"limits": {"solve": "99999wd"}}, "policy.unreadable"),
        ({"limits": {"breakfast": "1wd"}}, "policy.unreadable"),
        ({"limits": {"solve": "7wd", "interim": "0wd", "wait": "5wd"}}, "policy.unreadable"),
        ({"rules": {"waits_max": 99}}, "policy.unreadable"),
        ({"valid_from": "2126-01-01"}, "policy.dates"),
        ({"valid_from": "1890-01-01"}, "policy.dates"),
        ({"open_too": True, "valid_from": "2026-12-30"}, "policy.dates"),
    ],
)
async def test_what_no_clock_could_keep_is_refused_with_a_sentence(donghu, change, code):
    body = await written(donghu) | change
    with at(noon("2026-09-20")):
        answer = await donghu.sun.client.put("/v1/clock-policies/ordinary", json=body)
    assert (answer.status_code, answer.json()["code"]) == (422, code)


async def test_bad_bodies_and_people_without_the_right_change_nothing(donghu):
    body = await written(donghu)
    assert (await donghu.lin.client.put("/v1/clock-policies/ordinary", json=body)).status_code == 403
    assert (await donghu.he.client.post("/v1/clock-policies/ordinary/dry-run", json=body)).status_code == 403
    for bad in ({}, body | {"limits": {}}, body | {"more": 1}, body | {"limits": {"solve": 7}}, []):
        assert (await donghu.sun.client.put("/v1/clock-policies/ordinary", json=bad)).status_code == 400
    assert (await donghu.sun.client.put("/v1/clock-policies/a b;c", json=body)).json()["code"] == "policy.name"


async def test_the_console_lists_tries_and_edits_policies(donghu):
    (number,) = await filed(donghu, report(donghu))
    code, text, err = await console("policy", "list")
    assert (code, err) == (0, "")
    assert "山东" in text
    with at(noon("2026-09-20")):
        code, text, err = await console("policy", "edit", "ordinary", "solve=9wd", "--open-too", "--dry-run", "--json")
        assert (code, err, json.loads(text)["issues"]) == (0, "", 1)
        code, text, err = await console("policy", "edit", "ordinary", "solve=9wd", "--open-too")
        assert (code, err) == (0, "")
        assert number in text
        code, text, err = await console("policy", "show", "ordinary", "--json")
    assert [one["limits"]["solve"] for one in json.loads(text)] == ["9wd", "7wd"]
