"""Which holder of a post gets the next issue, and why: pure. On duty, below capacity, least loaded, longest without a new one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from uuid import UUID

from msgspec import Struct

LONG_AGO = datetime.min.replace(tzinfo=UTC)


class Holder(Struct, frozen=True, kw_only=True):
    """A person as the choice sees them. `load` is how many open issues they have, `given_at` when they got the last one."""

    person: UUID
    name: str
    load: int = 0
    capacity: int = 0
    given_at: datetime | None = None
    has_left: bool = False
    away_until: date | None = None
    """The last day of the absence they are on."""
    substitute: UUID | None = None

    @property
    def is_on_duty(self) -> bool:
        return not self.has_left and self.away_until is None


class Considered(Struct, frozen=True, kw_only=True):
    """One holder and what became of them: chosen, free (somebody else was nearer), full, away, left, unwanted, twice (already in
    the list for somebody else)."""

    person: UUID
    name: str
    stands_in_for: str
    """Name of the holder who is away; empty for a holder on duty."""
    load: int
    capacity: int
    verdict: str


class Choice(Struct, frozen=True, kw_only=True):
    person: UUID | None
    """Nobody: the issue waits on the unit's list."""
    name: str
    considered: list[Considered]
    why_zh: str
    why_en: str


def choose_holder(
    post: str, holders: Sequence[Holder], known: Mapping[UUID, Holder], unwanted: frozenset[UUID] = frozenset()
) -> Choice:
    """`known` has every person who may stand in. `unwanted` are passed over: who gives an issue away does not get it back."""
    seated = {
        holder.person for holder in holders if holder.is_on_duty
    }  # their own room counts, not that of whom they stand in for
    seen: set[UUID] = set()
    able: list[tuple[Holder, int]] = []
    considered: list[Considered] = []
    for holder in holders:
        found = _standing_in(holder, known)
        shown = found or holder
        capacity = _capacity(shown, holder)
        if found is None:
            verdict = "left" if holder.has_left else "away"
        elif found.person in unwanted:
            verdict = "unwanted"
        elif found is not holder and (found.person in seen or found.person in seated):
            verdict = "twice"
        elif 0 < capacity <= found.load:
            verdict = "full"
        else:
            verdict = "free"
            able.append((found, len(considered)))
        if found is not None:
            seen.add(found.person)
        considered.append(
            Considered(
                person=shown.person,
                name=shown.name,
                stands_in_for=holder.name if shown is not holder else "",
                load=shown.load,
                capacity=capacity,
                verdict=verdict,
            )
        )
    if not able:
        zh, en = _why_nobody(post, considered)
        return Choice(person=None, name="", considered=considered, why_zh=zh, why_en=en)
    chosen, place = min(able, key=lambda one: (one[0].load, one[0].given_at or LONG_AGO, one[1]))
    considered[place] = _chosen(considered[place])
    zh, en = _why(post, considered[place], len(able))
    return Choice(person=chosen.person, name=chosen.name, considered=considered, why_zh=zh, why_en=en)


def _standing_in(holder: Holder, known: Mapping[UUID, Holder]) -> Holder | None:
    """The holder, or whoever stands in along the chain of substitutes; nobody when it ends or turns in a circle."""
    met: set[UUID] = set()
    one: Holder | None = holder
    while one is not None and not one.is_on_duty:
        met.add(one.person)
        follows = one.substitute
        one = known.get(follows) if follows is not None and follows not in met else None
    return one


def _capacity(shown: Holder, holder: Holder) -> int:
    """A substitute's own limit; without one, that of the holder who is away."""
    return shown.capacity or holder.capacity


def _chosen(one: Considered) -> Considered:
    return Considered(
        person=one.person, name=one.name, stands_in_for=one.stands_in_for, load=one.load, capacity=one.capacity, verdict="chosen"
    )  # fmt: skip


def _why(post: str, one: Considered, able: int) -> tuple[str, str]:
    zh, en = f"岗位 {post}:{one.name} 在岗", f"post {post}: {one.name} is on duty"
    if one.stands_in_for:
        zh, en = (
            f"岗位 {post}:{one.stands_in_for} 不在岗,由 {one.name} 代办",
            f"post {post}: {one.name} stands in for {one.stands_in_for}",
        )
    if able > 1:
        return (
            f"{zh},在办 {one.load} 件,{able} 人中最少或最久未接件",
            f"{en}, with {one.load} open the least of {able}, or the longest without",
        )
    return f"{zh},在办 {one.load} 件", f"{en}, with {one.load} open"


_NO_ZH = {
    "away": "不在岗且无人代办",
    "left": "已离岗且无人代办",
    "full": "在办已满",
    "unwanted": "不再交回",
    "twice": "已计",
}
_NO_EN = {
    "away": "is away with no substitute", "left": "has left with no substitute", "full": "has no room",
    "unwanted": "does not get it back", "twice": "is counted already",
}  # fmt: skip


def _why_nobody(post: str, considered: list[Considered]) -> tuple[str, str]:
    if not considered:
        return f"岗位 {post} 无人任职,待单位派定", f"nobody holds the post {post}: the unit decides"
    zh = "、".join(f"{one.name} {_NO_ZH[one.verdict]}" for one in considered)
    en = ", ".join(f"{one.name} {_NO_EN[one.verdict]}" for one in considered)
    return (
        f"岗位 {post} 暂无可派之人({zh}),待单位派定",
        f"nobody of the post {post} can take it ({en}): the unit decides",
    )
