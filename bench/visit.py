"""Real visit records: the `visit_record` questionnaire with two problems each, evaluated, filed, opened as issues, fed to phones."""

from __future__ import annotations

import asyncio
import os
import random
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec

from bench import stages
from bench.measure import COLUMNS, alternate, place, result, server, twin
from bench.world import CLIENTS, OPERATIONS, World, build, push_request, said
from forms.evaluate import CompiledForm, compile_form, evaluate, fill
from forms.xlsform import convert

WORKBOOK = Path(__file__).parent.parent / "server" / "questionnaires" / "seed" / "visit_record.xlsx"
ENTERPRISES = 400
"""Fifty in the care of each of the eight commissioners."""
REQUESTS = 4
ROUNDS = 4
FILLED = datetime.fromisoformat("2026-11-20T16:30:00+08:00")


def run(database: str) -> dict[str, Any]:
    content = WORKBOOK.read_bytes()
    form = compile_form(convert(content, file_name=WORKBOOK.name).form)
    with place(database) as ours:
        world = asyncio.run(build(content, {}, ENTERPRISES))
        dice = random.Random(2)
        kinds = [records(world, form, dice, number) for number in range(CLIENTS)]
        one = next(kinds[0])["answers"]
        bare = twin(ours)
        os.environ["BENCH_KNOWN"] = msgspec.json.encode(world.known).decode()
        profile = asyncio.run(stages.profile(world, [push_request(world.phones[0], kinds[0]) for _ in range(12)]))
        with server("server.app:app", ours) as (port, pid), server("bench.bare:app", bare) as (bare_port, bare_pid):
            loads = [two_loads(world, kinds) for _ in range(ROUNDS)]
            servers = [("ours", port, pid), ("bare", bare_port, bare_pid)]
            measured = alternate(servers, loads, CLIENTS * REQUESTS * OPERATIONS)
        us, baseline = measured
        questions = sum(1 for _ in _leaves(one))
        about = f"visit records with two problems, {len(msgspec.json.encode(one))} bytes, {questions} answers"
        tables = [
            (about, COLUMNS, [each.row(baseline.rate) for each in measured]),
            ("where our time goes, one client, no network", stages.COLUMNS, profile),
        ]
        return result(f"visit/{database}", us.rate, "records/s", us.rate / baseline.rate, tables)


def two_loads(world: World, kinds: list[Iterator[dict[str, Any]]]) -> list[list[list[bytes]]]:
    same = [
        [push_request(phone, kind) for _ in range(REQUESTS)] for phone, kind in zip(world.phones, kinds, strict=True)
    ]
    return [same, same]


def _leaves(value: Any) -> Iterator[Any]:
    if isinstance(value, dict):
        for inner in value.values():
            yield from _leaves(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _leaves(inner)
    else:
        yield value


def records(world: World, form: CompiledForm, dice: random.Random, number: int) -> Iterator[dict[str, Any]]:
    """What phone `number` sends: filled in as a phone does, about firms in its person's care, without flaws."""
    mine = world.enterprises[number::CLIENTS]
    samples = [_fill(form, answers_for(dice, firm), firm) for firm in mine[:20]]
    while True:
        firm, answers = dice.choice(samples)
        yield {
            "form": "visit_record",
            "version": form.form.version,
            "filled_at": FILLED.isoformat(),
            "enterprise": firm,
            "answers": answers,
        }


def _fill(form: CompiledForm, answers: dict[str, Any], firm: UUID) -> tuple[UUID, dict[str, Any]]:
    lists = {"enterprises": [{"name": str(firm), "label": "测速企业"}], "people": [], "campaigns": [], "issues": []}
    filled = fill(form, answers, now=FILLED, lists=lists)
    flaws = evaluate(form, filled, now=FILLED, lists=lists).flaws
    assert not flaws, flaws
    return firm, filled


def answers_for(dice: random.Random, firm: UUID) -> dict[str, Any]:
    problem = {"category_group": "01", "category": "0101", "urgency": "normal", "solved_on_site": "no", "people": 30}
    return {
        "in_registry": "yes",
        "enterprise": str(firm),
        "visit_date": "2026-11-20",
        "start_time": "14:00:00.000+08:00",
        "end_time": "15:30:00.000+08:00",
        "channel": "on_site",
        "purpose": ["routine", "policy"],
        "visitors": [{"visitor_name": "周访", "visitor_unit": "八一桥街道", "visitor_post": "专员"}],
        "hosts": [{"host_name": "王经理", "host_post": "副总", "host_in_charge": "yes"}],
        "situation": {
            "operate_state": "normal",
            "staff_now": dice.randint(10, 400),
            "revenue_trend": "up",
            "order_trend": "flat",
            "capacity": "70to90",
            "new_things": said(dice, 40, 80),
        },
        "policy": {"policies_told": ["rd_deduction"], "policies_enjoyed": ["small_tax"], "intention": ["srdi"]},
        "fin_need": "yes",
        "finance": {
            "fin_amount": 300,
            "fin_term": "m12",
            "fin_use": ["working"],
            "fin_guarantee": "credit",
            "fin_push_bank": "yes",
        },
        "issues": [
            {**problem, "title": said(dice, 8, 20), "description": said(dice, 40, 120), "amount": 80.5}
            for _ in range(2)
        ],
        "no_issue_confirm": "no",
        "promises": [{"promise": said(dice, 8, 20), "promise_due": "2026-12-01"}],
        "closing": {"rating": "none", "next_visit": "2027-02-20", "remark": said(dice, 10, 40)},
    }
