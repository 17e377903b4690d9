"""Writes the reference pages from the code: `make docs`. A test compares them, so they cannot fall behind."""

from __future__ import annotations

import inspect
from pathlib import Path

import click
import msgspec

HERE = Path(__file__).parent

SECTIONS = {"request": "the door", "route": "the door", "idempotency": "the door"}


def refusals() -> str:
    """`docs/refusals.md`: every code with its status and both sentences."""
    from server.refusals import CATALOGUE

    lines = [
        "# Refusals",
        "",
        "Every way Qifang says no. Over HTTP a refusal is an RFC 9457 problem (`application/problem+json`): `code` is for programs,",
        "`title` is the Chinese sentence, `detail` the English one, `details` what stands in {braces}. At the console it is one line",
        "and exit code 1. Anything that is not listed here is a bug: status 500 with a request id to tell the administrator.",
        "",
        "| code | status | 中文 | English |",
        "|---|---|---|---|",
    ]
    for code, (status, zh, en) in sorted(CATALOGUE.items()):
        lines.append(f"| `{code}` | {status} | {_cell(zh)} | {_cell(en)} |")
    return "\n".join(lines) + "\n"


def commands() -> str:
    """`docs/cli.md`: every command with its help."""
    from server.cli import main

    lines = [
        "# The console",
        "",
        "`qifang COMMAND --help` says the same. A refusal is one line on standard error and exit code 1; a wrong option is exit code 2.",
        "Settings come from the environment ([operate.md](operate.md)); `--bureau` is needed only when there are several.",
        "",
    ]
    for path, command in walk(main, "qifang"):
        lines += [f"## `{path}`", "", "```text", _help(path, command), "```", ""]
    return "\n".join(lines)


def walk(group: click.Group, prefix: str) -> list[tuple[str, click.Command]]:
    found: list[tuple[str, click.Command]] = []
    context = click.Context(group)
    for name in group.list_commands(context):
        path, command = f"{prefix} {name}", group.get_command(context, name)
        assert command is not None
        found += walk(command, path) if isinstance(command, click.Group) else [(path, command)]
    return found


def _help(path: str, command: click.Command) -> str:
    names = ["-h", "--help"]  # as under `qifang`; a command shows those it was asked for first
    context = click.Context(command, info_name=path, max_content_width=100, terminal_width=100, help_option_names=names)
    text = command.get_help(context)
    return "\n".join(line.rstrip() for line in text.splitlines())


def operations() -> str:
    """`docs/operations.md`: what phones may send, with the fields of each."""
    from server import wiring
    from sync.operations import operation_of

    wiring.connect()
    lines = [
        "# What phones may do",
        "",
        "A phone changes nothing itself: it sends operations by `POST /sync/v1/push` ([sync.md](sync.md)). `target` is the id of the row",
        "the operation is about; operations marked *makes it* bring that row into being. Arguments that do not fit send the operation",
        "into quarantine, never lost.",
        "",
        "| operation | row | arguments |",
        "|---|---|---|",
    ]
    for name in product_operations():
        registration = operation_of(name)
        assert registration is not None
        row = (registration.kind or "") + (" *makes it*" if registration.creates else "")
        lines.append(f"| `{name}` | {row} | {_arguments(registration.args)} |")
    return "\n".join(lines) + "\n"


def product_operations() -> list[str]:
    """Those the product registers; a process that also runs the library's own tests knows toys as well."""
    from sync.operations import kinds, operation_names, operation_of

    loads: dict[str | None, object] = {kind.name: kind.load for kind in kinds()}
    found = []
    for name in operation_names():
        one = operation_of(name)
        if one is not None and _is_ours(one.args) and (one.kind is None or _is_ours(loads.get(one.kind))):
            found.append(name)
    return found


def _is_ours(thing: object) -> bool:
    return str(getattr(thing, "__module__", "")).split(".")[0] in ("server", "sync")


def _arguments(args: type) -> str:
    fields = msgspec.structs.fields(args)
    texts = [f"`{field.name}`" + ("" if field.required else "?") for field in fields]
    said = inspect.cleandoc(vars(args).get("__doc__") or "")
    first = "" if said.startswith("Arguments of") else _cell(said.split("\n\n")[0])
    return " ".join(texts) + (f" — {first}" if first else "")


def issues() -> str:
    """`docs/issues.md` as it is, with its tables of states, verbs and moves from the data."""
    from server.issues.states import MOVES, OPEN, STATES, VERBS

    def moves() -> list[list[str]]:
        rows: dict[tuple[str, str, str], list[str]] = {}
        for move in MOVES:
            target = "the same" if move.source == move.target else move.target
            target = "the state before" if move.verb == "unmerge" else target
            sources = rows.setdefault((move.verb, target, move.outcome), [])
            if (move.source or "(nothing)") not in sources:
                sources.append(move.source or "(nothing)")
        return [
            [verb, "any open" if sorted(sources) == sorted(OPEN) else ", ".join(sources), target, outcome]
            for (verb, target, outcome), sources in rows.items()
        ]

    def needs(fields: type[msgspec.Struct]) -> str:
        every = msgspec.structs.fields(fields)
        return ", ".join(field.name if field.required else f"({field.name})" for field in every)

    tables = {
        "States": [[s.code, s.zh, s.en, "yes" if s.is_open else "", s.waits_for] for s in STATES.values()],
        "Verbs": [
            [v.name, v.zh, v.permission, v.where, v.route, needs(v.fields), "yes" if v.offline else ""]
            for v in VERBS.values()
        ],
        "Moves": moves(),
    }
    page = (HERE / "issues.md").read_text()
    for heading, rows in tables.items():
        before, section = page.split(f"## {heading}\n", 1)
        text, _, head = section.partition("\n| ")
        columns, _, rest = head.partition("\n\n")
        first = "\n".join(columns.splitlines()[:2])
        lines = "\n".join(f"| {' | '.join(row)} |" for row in rows)
        page = f"{before}## {heading}\n{text}\n| {first}\n{lines}\n\n{rest}"
    return page


def machine() -> str:
    """`docs/machine.svg`: the shipped states and the ways between them."""
    from server.issues.machine.actions import shown_machine
    from server.issues.machine.overlay import SHIPPED
    from server.issues.machine.picture import draw_machine

    return draw_machine(shown_machine(SHIPPED))


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


PAGES = {
    "refusals.md": refusals,
    "cli.md": commands,
    "operations.md": operations,
    "issues.md": issues,
    "machine.svg": machine,
}

if __name__ == "__main__":
    for name, render in PAGES.items():
        (HERE / name).write_text(render())
