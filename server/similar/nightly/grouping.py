"""Average linkage: which reports probably speak of one matter. Pure; what it is given is likenesses of pairs."""

from __future__ import annotations

from collections.abc import Iterable
from heapq import heapify, heappop, heappush

from msgspec import Struct

Pair = tuple[int, int, float]


class Group(Struct, frozen=True):
    """Members in ascending order; `score` is the mean likeness of all their pairs."""

    members: tuple[int, ...]
    score: float


def group(n: int, pairs: Iterable[Pair], threshold: float, size_max: int) -> list[Group]:
    """Groups of two and more of the items 0 … n-1. The two groups whose members are on average likest are joined first, until none
    reach the threshold. A pair that is not given counts 0. No group grows beyond `size_max`: a supervisor reads it whole."""
    members: dict[int, tuple[int, ...]] = {item: (item,) for item in range(n)}
    sums: dict[int, dict[int, float]] = {item: {} for item in range(n)}
    for one, other, likeness in pairs:
        if one != other:
            sums[one][other] = sums[other][one] = likeness
    waiting = [(-likeness, one, other) for one in sums for other, likeness in sums[one].items() if one < other]
    waiting = [entry for entry in waiting if -entry[0] >= threshold]
    heapify(waiting)
    inside = dict.fromkeys(range(n), 0.0)
    fresh = n
    while waiting:
        _, one, other = heappop(waiting)
        if one not in members or other not in members or len(members[one]) + len(members[other]) > size_max:
            continue
        joined = tuple(sorted(members[one] + members[other]))
        inside[fresh] = inside[one] + inside[other] + sums[one][other]
        sums[fresh] = {}
        for third in (sums[one].keys() | sums[other].keys()) - {one, other}:
            total = sums[one].get(third, 0.0) + sums[other].get(third, 0.0)
            sums[fresh][third] = sums[third][fresh] = total
            sums[third].pop(one, None)
            sums[third].pop(other, None)
            mean = total / (len(joined) * len(members[third]))
            if mean >= threshold:
                heappush(waiting, (-mean, third, fresh))
        members[fresh] = joined
        for old in (one, other):
            del members[old], sums[old], inside[old]
        fresh += 1
    return sorted(
        (Group(own, _mean(inside[key], len(own))) for key, own in members.items() if len(own) > 1),
        key=lambda found: (-found.score, found.members),
    )


def _mean(total: float, size: int) -> float:
    return min(1.0, total / (size * (size - 1) / 2))
