"""Who gets an issue, and why: pure. The most specific rule names the lead; rules without a lead only add co-units."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from msgspec import Meta, Struct

SECTIONS = (
    ("A", 1, 5), ("B", 6, 12), ("C", 13, 43), ("D", 44, 46), ("E", 47, 50), ("F", 51, 52), ("G", 53, 60), ("H", 61, 62),
    ("I", 63, 65), ("J", 66, 69), ("K", 70, 70), ("L", 71, 72), ("M", 73, 75), ("N", 76, 79), ("O", 80, 82), ("P", 83, 83),
    ("Q", 84, 85), ("R", 86, 90), ("S", 91, 96), ("T", 97, 97),
)  # fmt: skip
"""The sections of GB/T 4754-2017 and the divisions they hold: `3912` and `C3912` are the same industry."""


class Subject(Struct, frozen=True, kw_only=True):
    """What an issue is about, as far as rules ask: codes of the taxonomy, of GB/T 2260 and of GB/T 4754, and a rung."""

    category: str = ""
    place: str = ""
    industry: str = ""
    tier: str = ""


class Rule(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`category`, `place` and `industry` are prefixes of codes, `tier` is a rung as the dossier names it; empty fits everything.
    Units are named by their code, `post` is the code of a post (岗位) in the lead unit. Without a `lead` the rule adds its
    co-units to whatever leads: that is how a street joins. Between equally specific rules the higher `priority` leads."""

    category: str = ""
    place: str = ""
    industry: str = ""
    tier: str = ""
    lead: str = ""
    post: str = ""
    co: tuple[str, ...] = ()
    priority: Annotated[int, Meta(ge=-1000, le=1000)] = 0
    note: str = ""

    def fits(self, subject: Subject) -> bool:
        return (
            subject.category.startswith(self.category)
            and subject.place.startswith(self.place)
            and (not self.industry or with_section(subject.industry).startswith(with_section(self.industry)))
            and self.tier in ("", subject.tier)
        )

    @property
    def precision(self) -> tuple[int, int, int, int]:
        """The category outweighs the place, the place the industry, the industry the rung: a department's duty is by subject."""
        return len(self.category), len(self.place), len(with_section(self.industry)), int(bool(self.tier))


class Route(Struct, frozen=True, kw_only=True):
    """A proposal. An empty `lead` means nobody's duty is written down: the dispatcher decides."""

    lead: str
    post: str
    co: tuple[str, ...]
    rule: Rule | None
    version: int
    why_zh: str
    why_en: str


def with_section(industry: str) -> str:
    """The code beginning with its letter, for a code written without."""
    if len(industry) < 2 or not (industry.isascii() and industry.isdigit()):
        return industry
    division = int(industry[:2])
    return next((f"{letter}{industry}" for letter, first, last in SECTIONS if first <= division <= last), industry)


def choose(rules: Sequence[Rule], subject: Subject, *, version: int = 0, street: str = "") -> Route:
    """`street` is the code of the street unit to join when no rule knows the place: the author's own."""
    fitting = [rule for rule in rules if rule.fits(subject)]
    leading = max(
        (rule for rule in fitting if rule.lead), key=lambda rule: (rule.precision, rule.priority), default=None
    )
    if not subject.category:
        leading = None
    joining = [unit for rule in fitting if not rule.lead for unit in rule.co]
    if not joining and street:
        joining = [street]
    lead = leading.lead if leading is not None else ""
    wanted = [*(leading.co if leading is not None else ()), *joining]
    co = tuple(dict.fromkeys(unit for unit in wanted if unit != lead))
    zh, en = _why(leading, subject.category, joining, version)
    post = leading.post if leading is not None else ""
    return Route(lead=lead, post=post, co=co, rule=leading, version=version, why_zh=zh, why_en=en)


def _why(rule: Rule | None, category: str, joining: list[str], version: int) -> tuple[str, str]:
    if not category:
        zh, en = "未选类别,由分办员判定", "no category was chosen: the dispatcher decides"
    elif rule is None:
        zh, en = (
            f"类别 {category} 未明确责任单位,由分办员判定",
            f"no unit is named for {category}: the dispatcher decides",
        )
    else:
        asked = [("地区", "region", rule.place), ("行业", "industry", rule.industry), ("梯度", "tier", rule.tier)]
        of_zh = "".join(f"、{zh} {value}" for zh, _, value in asked if value)
        of_en = "".join(f", {en} {value}" for _, en, value in asked if value)
        note = f"({rule.note})" if rule.note else ""
        post_zh, post_en = (f" 岗位 {rule.post}", f", post {rule.post}") if rule.post else ("", "")
        zh = f"责任矩阵第 {version} 版:类别 {rule.category or '全部'}{of_zh} 由 {rule.lead}{post_zh} 主办{note}"
        en = f"routing matrix {version}: category {rule.category or 'any'}{of_en} is led by {rule.lead}{post_en}"
    if joining:
        zh, en = f"{zh};属地协办 {'、'.join(joining)}", f"{en}; the street joins: {', '.join(joining)}"
    return zh, en
