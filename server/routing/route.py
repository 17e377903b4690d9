"""Who gets an issue, and why: pure. The most specific rule names the lead; rules without a lead only add co-units."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct


class Rule(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`category` and `place` are prefixes of a taxonomy code and of a GB/T 2260 region code; empty fits everything. Units
    are named by their code. Without a `lead` the rule adds its co-units to whatever leads: that is how a street joins."""

    category: str = ""
    place: str = ""
    lead: str = ""
    co: tuple[str, ...] = ()
    note: str = ""

    def fits(self, category: str, place: str) -> bool:
        return category.startswith(self.category) and place.startswith(self.place)

    @property
    def precision(self) -> tuple[int, int]:
        """The category outweighs the place: a department's duty is by subject."""
        return len(self.category), len(self.place)


class Route(Struct, frozen=True, kw_only=True):
    """A proposal. An empty `lead` means nobody's duty is written down: the dispatcher decides."""

    lead: str
    co: tuple[str, ...]
    rule: Rule | None
    version: int
    why_zh: str
    why_en: str


def choose(rules: Sequence[Rule], category: str, place: str, *, version: int = 0, street: str = "") -> Route:
    """`street` is the code of the street unit to join when no rule knows the place: the author's own."""
    fitting = [rule for rule in rules if rule.fits(category, place)]
    leading = max((rule for rule in fitting if rule.lead), key=lambda rule: rule.precision, default=None)
    joining = [unit for rule in fitting if not rule.lead for unit in rule.co]
    if not joining and street:
        joining = [street]
    lead = leading.lead if leading is not None and category else ""
    wanted = [*(leading.co if leading is not None and lead else ()), *joining]
    co = tuple(dict.fromkeys(unit for unit in wanted if unit != lead))
    zh, en = _why(leading if lead else None, category, joining, version)
    return Route(lead=lead, co=co, rule=leading if lead else None, version=version, why_zh=zh, why_en=en)


def _why(rule: Rule | None, category: str, joining: list[str], version: int) -> tuple[str, str]:
    if not category:
        zh, en = "未选类别,由分办员判定", "no category was chosen: the dispatcher decides"
    elif rule is None:
        zh, en = (
            f"类别 {category} 未明确责任单位,由分办员判定",
            f"no unit is named for {category}: the dispatcher decides",
        )
    else:
        place = f"、地区 {rule.place}" if rule.place else ""
        region = f" in region {rule.place}" if rule.place else ""
        note = f"({rule.note})" if rule.note else ""
        zh = f"责任矩阵第 {version} 版:类别 {rule.category or '全部'}{place} 由 {rule.lead} 主办{note}"
        en = f"routing matrix {version}: category {rule.category or 'any'}{region} is led by {rule.lead}"
    if joining:
        zh, en = f"{zh};属地协办 {'、'.join(joining)}", f"{en}; the street joins: {', '.join(joining)}"
    return zh, en
