"""Which refusals a function of the product can end in, read from the source: what it says itself, and what everything it names
says. What follows something by registration (`server.wiring`) is not followed; a name that is only passed on counts as used.

Read once, when somebody asks for the description of the interface.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

from msgspec import Struct, field

ROOT = Path(__file__).parent.parent
PACKAGES = ("server", "sync")
Name = tuple[str, str]
"""A module and something defined at its top."""


class Definition(Struct):
    codes: set[str] = field(default_factory=set)
    names: set[Name] = field(default_factory=set)


def refusals_of(roots: Iterable[Name], *, without: Iterable[Name] = ()) -> set[str]:
    """Codes that any of `roots` may raise, whatever stands between."""
    known, seen, found = _definitions(), set(without), set()
    waiting = list(roots)
    while waiting:
        name = waiting.pop()
        if name in seen or name not in known:
            continue
        seen.add(name)
        found |= known[name].codes
        waiting.extend(known[name].names)
    return found


@cache
def statuses() -> dict[str, tuple[int, str, str]]:
    """Every code with its status and both sentences: the product's catalogue, and what the protocol's library says itself."""
    from server.refusals import CATALOGUE

    tree = ast.parse((ROOT / "sync" / "refusal.py").read_text(encoding="utf-8"))
    said = dict(_said(call) for call in ast.walk(tree) if _is_call_of(call, "Refusal"))
    return {**said, **CATALOGUE}


def _said(call: ast.AST) -> tuple[str, tuple[int, str, str]]:
    assert isinstance(call, ast.Call)
    code, status, zh, en = (ast.literal_eval(given) for given in call.args[:4])
    return code, (status, zh, en)


@cache
def _definitions() -> dict[Name, Definition]:
    found: dict[Name, Definition] = {}
    for package in PACKAGES:
        for path in (ROOT / package).rglob("*.py"):
            parts = path.relative_to(ROOT).with_suffix("").parts
            module = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
            found |= dict(_of_module(module, ast.parse(path.read_text(encoding="utf-8"))))
    return found


def _of_module(module: str, tree: ast.Module) -> Iterator[tuple[Name, Definition]]:
    imported: dict[str, Name] = {}
    modules: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] in PACKAGES:
            for alias in node.names:
                imported[alias.asname or alias.name] = (str(node.module), alias.name)
                modules[alias.asname or alias.name] = f"{node.module}.{alias.name}"
    own: dict[str, list[ast.AST]] = {}
    for node in tree.body:
        for name in _names_defined(node):
            own.setdefault(name, []).append(node)
    for name, nodes in own.items():
        one = Definition()
        for node in nodes:
            _read(module, node, one, imported, modules, own)
        yield (module, name), one


def _names_defined(node: ast.stmt) -> list[str]:
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return [node.name]
    targets = node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
    return [target.id for target in targets if isinstance(target, ast.Name)]


def _read(
    module: str,
    node: ast.AST,
    into: Definition,
    imported: dict[str, Name],
    modules: dict[str, str],
    own: dict[str, list[ast.AST]],
) -> None:
    for part in ast.walk(node):
        if isinstance(part, ast.Call):
            into.codes |= _codes(part)
        if isinstance(part, ast.Attribute) and isinstance(part.value, ast.Name) and part.value.id in modules:
            into.names.add((modules[part.value.id], part.attr))
        if isinstance(part, ast.Name):
            if part.id in imported:
                into.names.add(imported[part.id])
            elif part.id in own:
                into.names.add((module, part.id))


def _codes(call: ast.Call) -> set[str]:
    """`refusal("person.unknown")`, `actor.must(…)`, and the functions of `sync.refusal` by their own definition."""
    if isinstance(call.func, ast.Attribute) and call.func.attr == "must":
        return {"permission.missing"}
    if not (_is_call_of(call, "refusal") or _is_call_of(call, "Refusal")) or not call.args:
        return set()
    return {
        part.value for part in ast.walk(call.args[0]) if isinstance(part, ast.Constant) and isinstance(part.value, str)
    }


def _is_call_of(call: ast.AST, name: str) -> bool:
    return isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id == name
