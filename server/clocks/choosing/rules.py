"""Which policy an issue counts by when nobody names one, and why: pure. The most specific rule that fits decides."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence, Set
from datetime import date, datetime
from functools import cache
from pathlib import Path
from typing import Annotated

from msgspec import Meta, Struct

from server.clocks.policies.editions import FIRST_DAY, SHIPPED_AT
from server.clocks.policy import ORDINARY

SEED = Path(__file__).parents[1] / "seed" / "choices.csv"
RULES_MAX = 500
COLUMNS = ("category", "urgency", "source", "policy", "zh", "en")

Code = Annotated[str, Meta(max_length=64)]
Words = Annotated[str, Meta(max_length=200)]


class ChoiceRule(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`category` is a prefix of a taxonomy code; `source` is where the report came from: a code of the desk's sources or the
    origin of a record (visit, symposium, campaign …). Empty fits everything."""

    category: Code = ""
    urgency: Code = ""
    source: Code = ""
    policy: Code
    zh: Words = ""
    """Why, in a few words."""
    en: Words = ""

    def fits(self, category: str, urgency: str, sources: Set[str]) -> bool:
        return (
            category.startswith(self.category)
            and self.urgency in ("", urgency)
            and (not self.source or self.source in sources)
        )

    @property
    def precision(self) -> tuple[int, bool, bool, int]:
        """How many conditions it names comes first; then the urgency outweighs the source, and the source the category."""
        named = bool(self.category) + bool(self.urgency) + bool(self.source)
        return named, bool(self.urgency), bool(self.source), len(self.category)


class ChoiceEdition(Struct, frozen=True, kw_only=True):
    """The rules as they were written down at `changed_at`, for what is opened or corrected from `valid_from` on."""

    version: int
    rules: tuple[ChoiceRule, ...]
    valid_from: date = FIRST_DAY
    note: str = ""
    changed_at: datetime = SHIPPED_AT


class Choice(Struct, frozen=True, kw_only=True):
    """What the timeline keeps of a choice: the policy, the edition of the rules and the rule; none when no rule fitted."""

    policy: str
    version: int
    rule: ChoiceRule | None

    @property
    def why_zh(self) -> str:
        if self.rule is None:
            return f"时限选择规则第 {self.version} 版:没有适用的规则,按一般事项"
        return f"时限选择规则第 {self.version} 版:{'、'.join(_conditions(self.rule, 0))} 适用 {self.policy}" + (
            f"({self.rule.zh})" if self.rule.zh else ""
        )

    @property
    def why_en(self) -> str:
        if self.rule is None:
            return f"choice rules {self.version}: no rule fits, so it is ordinary"
        return f"choice rules {self.version}: {', '.join(_conditions(self.rule, 1))} counts by {self.policy}" + (
            f" ({self.rule.en})" if self.rule.en else ""
        )


class Complaint(Struct, frozen=True, kw_only=True):
    """`at` names the place: `rules[3].policy`."""

    at: str
    zh: str
    en: str


def _conditions(rule: ChoiceRule, language: int) -> list[str]:
    words = {"category": ("类别", "category"), "urgency": ("紧急程度", "urgency"), "source": ("来源", "source")}
    named = [f"{both[language]} {getattr(rule, name)}" for name, both in words.items() if getattr(rule, name)]
    return named or [("全部", "everything")[language]]


@cache
def shipped_rules() -> tuple[ChoiceRule, ...]:
    return tuple(rules_of_csv(SEED.read_text(encoding="utf-8")))


def rules_of_csv(text: str) -> list[ChoiceRule]:
    """Raises KeyError for a missing column, csv.Error for what is no table."""
    lines = csv.DictReader(io.StringIO(text, newline=""))
    missing = {"category", "urgency", "source", "policy"} - set(lines.fieldnames or ())
    if missing:
        raise KeyError(", ".join(sorted(missing)))
    return [ChoiceRule(**{name: (line.get(name) or "").strip() for name in COLUMNS}) for line in lines]


def edition_in_force(editions: Sequence[ChoiceEdition], day: date) -> ChoiceEdition:
    known = [one for one in editions if one.valid_from <= day]
    return max(known, key=lambda one: (one.valid_from, one.version), default=editions[0])


def choose(edition: ChoiceEdition, category: str, urgency: str, sources: Set[str]) -> Choice:
    fitting = [rule for rule in edition.rules if rule.fits(category, urgency, sources)]
    rule = max(fitting, key=lambda one: one.precision, default=None)
    return Choice(policy=rule.policy if rule is not None else ORDINARY, version=edition.version, rule=rule)


def complaints(
    rules: Sequence[ChoiceRule], policies: Set[str], categories: Set[str], sources: Mapping[str, object] | Set[str]
) -> list[Complaint]:
    """Everything that speaks against these rules, line by line."""
    found: list[Complaint] = []
    if len(rules) > RULES_MAX:
        found.append(Complaint(at="rules", zh=f"最多 {RULES_MAX} 条规则", en=f"{RULES_MAX} rules at most"))
    seen: dict[tuple[str, str, str], int] = {}
    for n, rule in enumerate(rules, 1):
        if rule.policy not in policies:
            text = f"{rule.policy!r}"
            found.append(
                Complaint(at=f"rules[{n}].policy", zh=f"没有时限政策 {text}", en=f"there is no clock policy {text}")
            )
        if rule.category and rule.category not in categories:
            found.append(
                Complaint(at=f"rules[{n}].category", zh=f"没有类别 {rule.category}", en=f"no category {rule.category}")
            )
        if rule.source and rule.source not in sources:
            names = "、".join(sorted(sources))
            found.append(
                Complaint(
                    at=f"rules[{n}].source", zh=f"没有来源 {rule.source},可用:{names}",
                    en=f"there is no source {rule.source}; use one of {names}",
                )
            )  # fmt: skip
        conditions = (rule.category, rule.urgency, rule.source)
        if conditions in seen:
            first = seen[conditions]
            found.append(
                Complaint(at=f"rules[{n}]", zh=f"与第 {first} 条条件相同", en=f"the same conditions as rule {first}")
            )
        seen.setdefault(conditions, n)
    return found
