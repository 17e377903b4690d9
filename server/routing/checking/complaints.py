"""What is wrong with an edition of the matrix: pure, and all of it at once."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from msgspec import Struct

from server.routing.route import Rule, with_section

PLACE = re.compile(r"(?:[0-9]{1,12})?\Z")
INDUSTRY = re.compile(r"(?:[A-T]?[0-9]{0,4})\Z")


class Complaint(Struct, frozen=True, kw_only=True):
    line: int
    """Of the edition, from 1."""
    code: str
    stops: bool
    """Whether the edition is refused for it; what does not stop it is for somebody to look at."""
    zh: str
    en: str


class Known(Struct, frozen=True, kw_only=True):
    """What rules may name. `categories`: code → its successor if retired, None while in use. `posts`: unit and code → holders."""

    units: frozenset[str]
    categories: Mapping[str, str | None]
    posts: Mapping[tuple[str, str], int]


def complaints_of(rules: Sequence[Rule], known: Known) -> list[Complaint]:
    found: list[Complaint] = []
    first: dict[tuple[str, str, str, str, int], int] = {}
    for line, rule in enumerate(rules, 1):
        found += _of_codes(line, rule, known)
        found += _of_post(line, rule, known)
        weight = (rule.category, rule.place, with_section(rule.industry), rule.tier, rule.priority)
        if rule.lead and weight in first:
            zh = f"与第 {first[weight]} 行条件和优先级相同,无法判定由谁主办"
            en = f"is as specific as line {first[weight]}, with the same priority: nothing says which of them leads"
            found.append(_stop(line, "overlap", zh, en))
        elif rule.lead:
            first[weight] = line
        if not rule.lead and not rule.co:
            found.append(_stop(line, "empty", "没有主办也没有协办单位", "names neither a lead nor a co-unit"))
    return found


def _of_codes(line: int, rule: Rule, known: Known) -> list[Complaint]:
    found = [
        _stop(line, "unit", f"没有单位 {unit}", f"there is no unit {unit}")
        for unit in dict.fromkeys(one for one in (rule.lead, *rule.co) if one)
        if unit not in known.units
    ]
    if rule.category and rule.category not in known.categories:
        found.append(_stop(line, "category", f"没有类别 {rule.category}", f"there is no category {rule.category}"))
    successor = known.categories.get(rule.category)
    if successor is not None:
        now_zh, now_en = (f",现为 {successor}", f"; it is {successor} now") if successor else ("", "")
        zh, en = f"类别 {rule.category} 已停用{now_zh}", f"category {rule.category} is retired{now_en}"
        found.append(Complaint(line=line, code="category_retired", stops=False, zh=zh, en=en))
    if not PLACE.match(rule.place):
        found.append(
            _stop(line, "place", f"地区代码 {rule.place} 不是数字", f"region {rule.place} is no GB/T 2260 code")
        )
    if not INDUSTRY.match(rule.industry):
        found.append(
            _stop(line, "industry", f"行业代码 {rule.industry} 有误", f"industry {rule.industry} is no GB/T 4754 code")
        )
    return found


def _of_post(line: int, rule: Rule, known: Known) -> list[Complaint]:
    if not rule.post:
        return []
    if not rule.lead:
        return [_stop(line, "post_without_lead", "有岗位但没有主办单位", "names a post but no lead unit")]
    holders = known.posts.get((rule.lead, rule.post))
    if holders is None:
        zh, en = f"{rule.lead} 没有岗位 {rule.post}", f"{rule.lead} has no post {rule.post}"
        return [_stop(line, "post", zh, en)]
    if not holders:
        zh, en = f"{rule.lead} 的岗位 {rule.post} 无人任职", f"nobody holds the post {rule.post} of {rule.lead}"
        return [Complaint(line=line, code="post_without_holder", stops=False, zh=zh, en=en)]
    return []


def _stop(line: int, code: str, zh: str, en: str) -> Complaint:
    return Complaint(line=line, code=code, stops=True, zh=zh, en=en)
