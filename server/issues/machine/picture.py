"""The machine as a picture: states where `seed/states.csv` places them, an arrow for each way from one to another with the verbs
that go there. Pure; the bureau's own names and switched-off moves show."""

from __future__ import annotations

from html import escape
from math import hypot

from server.issues.machine.actions import MachineOut
from server.issues.states import OPEN, PLACES

WIDE, HIGH = 300, 116
"""Pixels between the centres of neighbouring places."""
BOX_WIDE, BOX_HIGH = 132, 46
MARGIN_WIDE, MARGIN_HIGH = 110, 60
ASIDE = 11
"""Pixels an arrow keeps to its right, so that there and back do not cover each other."""
FROM_ANY = ("merge", "withdraw", "unmerge")
_HEAD = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {wide} {high}" font-family="\'Noto Sans CJK SC\',\'PingFang SC\','
    '\'Microsoft YaHei\',sans-serif" font-size="14" text-anchor="middle">\n'
    "<style>.b{{fill:#f6f8fb;stroke:#3b5b7a;stroke-width:1.5}}.o{{fill:#e7f2ea;stroke:#2f7d4f}}.t{{fill:#16324a;font-weight:600}}"
    ".c{{fill:#54687a;font-size:10px}}.a{{stroke:#3b5b7a;stroke-width:1.4;fill:none;marker-end:url(#m)}}"
    ".v{{fill:#16324a;font-size:12px;paint-order:stroke;stroke:#fff;stroke-width:4px}}</style>\n"
    '<defs><marker id="m" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="9" markerHeight="9" orient="auto">'
    '<path d="M0 0 8 4 0 8z" fill="#3b5b7a"/></marker></defs>\n<rect width="{wide}" height="{high}" fill="#fff"/>'
)


def draw_machine(machine: MachineOut) -> str:
    """SVG, with Chinese labels. What any open issue may do at any time is told in a line below instead of by arrows."""
    verbs = {verb.verb: verb.zh for verb in machine.verbs}
    names = {state.code: state.zh for state in machine.states}
    ways: dict[tuple[str, str], list[str]] = {}
    for move in machine.moves:
        if move.state and move.state != move.to and move.verb not in FROM_ANY:
            labels = ways.setdefault((move.state, move.to), [])
            if verbs[move.verb] not in labels:
                labels.append(verbs[move.verb])
    wide = MARGIN_WIDE * 2 + int(max(x for x, _ in PLACES.values()) * WIDE)
    high = MARGIN_HIGH * 2 + int(max(y for _, y in PLACES.values()) * HIGH) + 24
    lines = [_HEAD.format(wide=wide, high=high)]
    lines += [_arrow(source, target) for source, target in ways]
    lines += [
        _label(source, target, "、".join(labels), (target, source) in ways) for (source, target), labels in ways.items()
    ]
    lines += [_box(code, names[code]) for code in names]
    free = "、".join(
        f"{verbs[verb]} → {names[state]}" for verb, state in (("merge", "MERGED"), ("withdraw", "WITHDRAWN"))
    )
    note = f"绿框:在办。任何在办事项都可以:{free}。第 {machine.version} 版"
    lines.append(f'<text class="v" x="{wide / 2:g}" y="{high - 16}">{escape(note)}</text>\n</svg>')
    return "\n".join(lines) + "\n"


def _centre(code: str) -> tuple[float, float]:
    x, y = PLACES[code]
    return MARGIN_WIDE + x * WIDE, MARGIN_HIGH + y * HIGH


def _ends(source: str, target: str) -> tuple[float, float, float, float]:
    """From border to border, a little to the right of the line between the centres."""
    (x1, y1), (x2, y2) = _centre(source), _centre(target)
    length = hypot(x2 - x1, y2 - y1)
    dx, dy = (x2 - x1) / length, (y2 - y1) / length
    x1, x2, y1, y2 = x1 - dy * ASIDE, x2 - dy * ASIDE, y1 + dx * ASIDE, y2 + dx * ASIDE
    away = min(
        (BOX_WIDE / 2 - abs(dy) * ASIDE) / abs(dx) if dx else length,
        (BOX_HIGH / 2 - abs(dx) * ASIDE) / abs(dy) if dy else length,
    )
    return x1 + dx * away, y1 + dy * away, x2 - dx * (away + 2), y2 - dy * (away + 2)


def _arrow(source: str, target: str) -> str:
    x1, y1, x2, y2 = _ends(source, target)
    return f'<path class="a" d="M{x1:.0f} {y1:.0f}L{x2:.0f} {y2:.0f}"/>'


def _label(source: str, target: str, text: str, has_back: bool) -> str:
    """Nearer to where it starts when there is a way back, so that the two labels stand apart."""
    x1, y1, x2, y2 = _ends(source, target)
    part = 0.36 if has_back else 0.5
    return f'<text class="v" x="{x1 + (x2 - x1) * part:.0f}" y="{y1 + (y2 - y1) * part + 4:.0f}">{escape(text)}</text>'


def _box(code: str, name: str) -> str:
    x, y = _centre(code)
    shown = "b o" if code in OPEN else "b"
    return (
        f'<rect class="{shown}" x="{x - BOX_WIDE / 2:g}" y="{y - BOX_HIGH / 2:g}" width="{BOX_WIDE}" height="{BOX_HIGH}" rx="8"/>'
        f'<text class="t" x="{x:g}" y="{y:g}">{escape(name)}</text><text class="c" x="{x:g}" y="{y + 15:g}">{code}</text>'
    )
