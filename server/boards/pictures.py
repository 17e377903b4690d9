"""A board as a picture: SVG without any script, in the fonts an office has."""

from __future__ import annotations

import re
from typing import Any

import pygal
from pygal.style import Style

from server.boards.actions import Board, CellOut

FONT = "Microsoft YaHei, PingFang SC, Noto Sans CJK SC, sans-serif"
_SCRIPT = re.compile(r"<script\b.*?</script>|<script\b[^>]*/>", re.DOTALL)
_STYLE = Style(
    font_family=FONT, background="#ffffff", plot_background="#ffffff",
    colors=("#2f6fa8", "#c8553d", "#6a994e", "#e0a030", "#7b5ea7", "#4a9c9c", "#8a8a8a"),
)  # fmt: skip


def draw_board(board: Board) -> str:
    """Bars: a row each, one colour a column. Rates are drawn in percent, in a picture of rates alone; what may not be shown is
    left empty."""
    cells = [cell for cell in board.cells if not cell.is_rate] or board.cells
    rows = list(dict.fromkeys(cell.row for cell in cells))
    columns = list(dict.fromkeys(cell.column for cell in cells))
    chart: Any = (pygal.StackedBar if board.name == "heat" else pygal.HorizontalBar if len(columns) == 1 else pygal.Bar)(
        style=_STYLE, js=[], title=f"{board.zh} {board.as_of.date().isoformat()}", x_label_rotation=30,
        show_legend=len(columns) > 1, print_values=True, width=960, height=480, no_data_text="没有数据",
        value_formatter=lambda n: f"{n:.0f}", disable_xml_declaration=True, explicit_size=True,
    )  # fmt: skip
    chart.x_labels = rows
    by_place = {(cell.row, cell.column): cell for cell in cells}
    for column in columns:
        chart.add(column, [_value(by_place.get((row, column))) for row in rows])
    return _SCRIPT.sub("", chart.render(is_unicode=True))


def _value(cell: CellOut | None) -> float | None:
    return None if cell is None else cell.n
