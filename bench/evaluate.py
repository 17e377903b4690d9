"""How long one record of a 1,000-question form takes to evaluate, beside a hand-written Python function that makes the
same checks.

Forty in a hundred questions have logic: relevance, a constraint, a calculation, a required mark or a filtered choice.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from statistics import median
from time import perf_counter
from typing import Any

from forms.definition import Check, Choice, ChoiceList, Expression, Form, Group, Item, Question, Source
from forms.evaluate import compile_form, evaluate, fill
from forms.expression import parse

QUESTIONS = 1_000
ROUNDS = 60
NOW = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)
TOWNS = {"donghu": ("bayi", "gongyuan", "dayuan"), "xihu": ("chaoyang", "nanzhan", "shizi")}


def run(database: str | None = None) -> dict[str, Any]:
    """`database` plays no part: evaluation reads none."""
    form = compile_form(build_form())
    answers = fill(form, build_answers(), now=NOW)
    flawed = {**answers, "section_3": {**answers["section_3"], "staff_3": -4}}
    found = [(flaw.path, flaw.code) for flaw in evaluate(form, flawed, now=NOW).flaws]
    assert found == check_by_hand(flawed), (found, check_by_hand(flawed))

    ours = _median(lambda: evaluate(form, answers, now=NOW))
    by_hand = _median(lambda: check_by_hand(answers))
    plain = compile_form(Form(id="plain", version="1", title={}, children=_plain_questions()))
    plain_answers = {f"note_{number}": "text" for number in range(QUESTIONS)}
    bare = _median(lambda: evaluate(plain, plain_answers, now=NOW))

    print(f"{'':34}{'record':>12}{'question':>12}")
    for name, seconds in (("mixed form", ours), ("plain questions only", bare), ("the same checks by hand", by_hand)):
        print(f"{name:34}{seconds * 1e3:>9.2f} ms{seconds * 1e6 / QUESTIONS:>9.2f} µs")
    value = ours * 1e6 / QUESTIONS
    return {"name": "evaluate", "value": round(value, 3), "unit": "µs/question", "ratio": round(ours / by_hand, 2)}


def _median(work: Callable[[], object]) -> float:
    work()
    times = []
    for _ in range(ROUNDS):
        start = perf_counter()
        work()
        times.append(perf_counter() - start)
    return median(times)


def build_form() -> Form:
    """A hundred sections of ten questions, of which four have logic."""
    towns = tuple(Choice(name=town, extra={"district": name}) for name, several in TOWNS.items() for town in several)
    lists = {
        "districts": ChoiceList(name="districts", choices=tuple(Choice(name=name) for name in TOWNS)),
        "towns": ChoiceList(name="towns", choices=towns),
    }
    sections = tuple(_section(number) for number in range(QUESTIONS // 10))
    return Form(id="bench", version="1", title={"zh": "测速"}, children=sections, lists=lists)


def _section(number: int) -> Item:
    def question(name: str, kind: str, **parts: Any) -> Question:
        own = f"{name}_{number}"
        return Question(name=own, path=(f"section_{number}", own), type=kind, source=Source("survey", 2), **parts)

    children = (
        question("name", "text", required=_expression("true()")),
        question("staff", "integer", checks=(Check(level="error", test=_expression(". >= 0 and . < 100000")),)),
        question("revenue", "decimal"),
        question(
            "per_head", "calculate", calculation=_expression(f"round(${{revenue_{number}}} div ${{staff_{number}}}, 2)")
        ),
        question("district", "select_one", list_name="districts"),
        question(
            "town",
            "select_one",
            list_name="towns",
            choice_filter=_expression(f"district = ${{district_{number}}}"),
            relevant=_expression(f"${{district_{number}}} != ''"),
        ),
        question("visited", "date"),
        question("remark", "text"),
        question("channel", "text"),
        question("photo", "photo"),
    )
    return Group(name=f"section_{number}", path=(f"section_{number}",), source=Source("survey", 2), children=children)


def _expression(text: str) -> Expression:
    return Expression(text, parse(text))


def _plain_questions() -> tuple[Question, ...]:
    names = [f"note_{number}" for number in range(QUESTIONS)]
    return tuple(Question(name=name, path=(name,), type="text", source=Source("survey", 2)) for name in names)


def build_answers() -> dict[str, Any]:
    return {
        f"section_{number}": {
            f"name_{number}": "南昌某科技有限公司",
            f"staff_{number}": 20 + number,
            f"revenue_{number}": 1234.5 + number,
            f"district_{number}": "donghu",
            f"town_{number}": "bayi",
            f"visited_{number}": "2026-11-20",
            f"remark_{number}": "经营正常",
            f"channel_{number}": "onsite",
            f"photo_{number}": "1.jpg",
        }
        for number in range(QUESTIONS // 10)
    }


def check_by_hand(answers: dict[str, Any]) -> list[tuple[str, str]]:
    """What a programmer would write for this one form: the same types, rules, choices and calculations."""
    found: list[tuple[str, str]] = []
    for number in range(QUESTIONS // 10):
        section = answers.get(f"section_{number}", {})
        place = f"section_{number}."
        for kind in ("name", "remark", "channel", "photo", "district", "town"):
            value = section.get(f"{kind}_{number}")
            if value is not None and type(value) is not str:
                found.append((f"{place}{kind}_{number}", "type"))
        if not section.get(f"name_{number}"):
            found.append((f"{place}name_{number}", "missing"))
        staff, revenue = section.get(f"staff_{number}"), section.get(f"revenue_{number}")
        if staff is not None and (type(staff) is not int or not 0 <= staff < 100_000):
            found.append((f"{place}staff_{number}", "constraint"))
        if revenue is not None and type(revenue) not in (int, float):
            found.append((f"{place}revenue_{number}", "type"))
        recorded = section.get(f"per_head_{number}")
        computed = int(revenue / staff * 100 + 0.5) / 100 if revenue is not None and staff else None
        if recorded != computed and (recorded is None or computed is None or abs(recorded - computed) > 0.01):
            found.append((f"{place}per_head_{number}", "calculation"))
        district, town = section.get(f"district_{number}"), section.get(f"town_{number}")
        if district is not None and district not in TOWNS:
            found.append((f"{place}district_{number}", "choice"))
        if town is not None and (district is None or town not in TOWNS.get(district, ())):
            found.append((f"{place}town_{number}", "choice"))
        visited = section.get(f"visited_{number}")
        if visited is not None:
            datetime.fromisoformat(visited)
    return found
