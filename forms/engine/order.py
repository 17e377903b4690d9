"""In which order the items of a form get their values, and which of them wait for each other in a ring."""

from __future__ import annotations

from forms.definition import Expression, Question, Repeat
from forms.engine.names import FormIndex, ItemPath, Standing, references
from forms.expression import ExpressionError

Graph = dict[ItemPath, tuple[ItemPath, ...]]
MAX_RINGS = 20
"""Rings that are told at once; a hostile workbook could hold millions."""


def dependencies(index: FormIndex) -> Graph:
    """Item → the items whose values its own value needs: by calculation, relevance, count, and by where it lies."""
    graph: Graph = {}
    for path, item in index.items.items():
        needs: dict[ItemPath, None] = dict.fromkeys(path[:n] for n in range(len(path) - 1, 0, -1))
        expressions = [item.relevant]
        if isinstance(item, Question):
            expressions.append(item.calculation)
        elif isinstance(item, Repeat):
            expressions.append(item.count)
        for expression in expressions:
            if expression is not None:
                needs.update(dict.fromkeys(read_by(expression, index, path)))
        if isinstance(item, Question) and item.calculation is not None:
            needs.pop(path, None) if _is_once(item.calculation) else None
        graph[path] = tuple(need for need in needs if need in index.items)
    return graph


def read_by(expression: Expression, index: FormIndex, path: ItemPath) -> list[ItemPath]:
    """The items an expression at `path` reads; none when it does not hold (`forms/analyse.py` says why)."""
    try:
        return list(references(expression.tree, index, Standing(path)))
    except ExpressionError:
        return []


def _is_once(expression: Expression) -> bool:
    return getattr(expression.tree, "name", "") == "once"


def ordered(graph: Graph) -> tuple[list[ItemPath], list[list[ItemPath]]]:
    """Items with what they need before them, and every ring found on the way. Iterative: forms may be 1,000s deep."""
    done: list[ItemPath] = []
    state: dict[ItemPath, int] = {}
    rings: list[list[ItemPath]] = []
    for start in graph:
        if start in state:
            continue
        trail: list[ItemPath] = [start]
        waiting = [iter(graph[start])]
        state[start] = 1
        while trail:
            for need in waiting[-1]:
                if state.get(need) == 1:
                    if len(rings) < MAX_RINGS:
                        rings.append([*trail[trail.index(need) :], need])
                elif need not in state:
                    state[need] = 1
                    trail.append(need)
                    waiting.append(iter(graph[need]))
                    break
            else:
                waiting.pop()
                finished = trail.pop()
                state[finished] = 2
                done.append(finished)
    return done, rings


def within_each(order: list[ItemPath], graph: Graph, index: FormIndex) -> dict[ItemPath, list[ItemPath]]:
    """For the form, `()`, and for each repeat: the order among the items directly in it, inner repeats taken as one."""
    around = {path: ((), *index.repeats_above(path)) for path in order}
    needs: dict[ItemPath, dict[ItemPath, dict[ItemPath, None]]] = {(): {}}
    for path in order:
        if isinstance(index.items[path], Repeat):
            needs.setdefault(path, {})
        for scope in around[path]:
            unit = _unit(path, around[path], scope)
            needed = needs.setdefault(scope, {}).setdefault(unit, {})
            for need in graph[path]:
                if scope in around[need]:
                    other = _unit(need, around[need], scope)
                    if other != unit:
                        needed[other] = None
    return {
        scope: ordered({unit: tuple(needed) for unit, needed in units.items()})[0] for scope, units in needs.items()
    }


def _unit(path: ItemPath, around: tuple[ItemPath, ...], scope: ItemPath) -> ItemPath:
    """The item directly in `scope` that is, or holds, `path`."""
    at = around.index(scope) + 1
    return around[at] if at < len(around) else path
