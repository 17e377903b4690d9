"""How often something may be asked in a minute, counted in this process: a brake on scripts, not a lock."""

from __future__ import annotations

from collections import OrderedDict, deque
from datetime import datetime, timedelta
from math import ceil

WINDOW = timedelta(minutes=1)
KEYS_MAX = 10_000
"""Keys remembered at once; the one used longest ago goes first."""


class Allowance:
    def __init__(self, per_minute: int) -> None:
        self.per_minute = per_minute
        self._used: OrderedDict[str, deque[datetime]] = OrderedDict()

    def take(self, key: str, moment: datetime) -> int:
        """0 if this request is allowed, else the seconds to wait."""
        wait = self.wait(key, moment)
        if not wait:
            self._used[key].append(moment)
        return wait

    def give_back(self, key: str) -> None:
        """What was taken last turned out not to count."""
        used = self._used.get(key)
        if used:
            used.pop()

    def wait(self, key: str, moment: datetime) -> int:
        """The same, and nothing is used up: for those of whom only what fails is to count."""
        used = self._used.setdefault(key, deque())
        self._used.move_to_end(key)
        while len(self._used) > KEYS_MAX:
            self._used.popitem(last=False)
        while used and moment - used[0] >= WINDOW:
            used.popleft()
        return max(1, ceil((used[0] + WINDOW - moment).total_seconds())) if len(used) >= self.per_minute else 0
