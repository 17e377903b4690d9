"""The board of enterprises, pure: who has much on its mind, who was forgotten, who is visited too often."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import date, timedelta
from uuid import UUID

from server.boards.figures.cells import Cell, Scene

OPEN_MIN = 3
SILENT_DAYS = 90
VISITS_MIN = 2
VISITS_DAYS = 30


def firm_cells(scene: Scene, contacted: Mapping[UUID, date], visits: Mapping[UUID, int]) -> list[Cell]:
    """`contacted`: the last day anybody spoke with them; `visits`: those of the last `VISITS_DAYS` days, by anybody."""
    today = scene.day(scene.moment)
    many = Counter(one.enterprise for one in scene.open if one.enterprise is not None)
    silent_since = today - timedelta(days=SILENT_DAYS)
    rows = (
        ("open", f"未办结诉求 ≥ {OPEN_MIN} 件", f"{OPEN_MIN} or more open issues",
         [id for id, n in many.items() if n >= OPEN_MIN and id in scene.firms]),
        ("silent", f"超过 {SILENT_DAYS} 天未联系", f"nobody spoke with them for more than {SILENT_DAYS} days",
         [id for id in scene.firms if contacted.get(id, date.min) < silent_since]),
        ("over_visited", f"{VISITS_DAYS} 天内被走访 ≥ {VISITS_MIN} 次", f"visited {VISITS_MIN} times or more in {VISITS_DAYS} days",
         [id for id, n in visits.items() if n >= VISITS_MIN and id in scene.firms]),
    )  # fmt: skip
    return [
        Cell(
            key=key, row=zh, column="户数", zh=zh, en=en, kind="enterprise",
            cases=sorted(cases, key=lambda id: (scene.firms[id].name, id)),
        )
        for key, zh, en, cases in rows
    ]  # fmt: skip
