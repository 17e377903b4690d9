"""`qifang machine …`."""

from __future__ import annotations

from pathlib import Path

import click
import msgspec

from server.console import bureau_option, console_actor, json_option, out, print_json, print_table, run
from server.issues.machine.actions import MachineOut, NewMachine, change_machine, check_machine, show_machine
from server.issues.machine.overlay import Complaint, Overlay
from server.issues.machine.picture import draw_machine
from server.refusals import refusal


@click.group()
def machine() -> None:
    """The states and verbs of issues, and what this bureau has otherwise."""


@machine.command("show")
@click.option("--svg", type=click.Path(dir_okay=False, path_type=Path), help="Also draw it into this file.")
@bureau_option
@json_option
def machine_show(svg: Path | None, bureau: str, as_json: bool) -> None:
    """Show who may do what from which state. With --json the whole machine; its `overlay` is what `machine load` takes.

    \b
    Example: qifang machine show --svg machine.svg
    """

    async def work() -> MachineOut:
        return await show_machine(await console_actor(bureau))

    shown = run(work)
    if svg is not None:
        svg.write_text(draw_machine(shown), encoding="utf-8")
    if as_json:
        print_json(shown)
        return
    rows = [(verb.verb, verb.zh, ", ".join(verb.roles), verb.where, ", ".join(verb.required)) for verb in shown.verbs]
    print_table(f"machine, version {shown.version}", ["verb", "中文", "roles", "where", "required"], rows, "")


@machine.command("check")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@bureau_option
@json_option
def machine_check(file: Path, bureau: str, as_json: bool) -> None:
    """Say everything that speaks against an overlay, and change nothing.

    \b
    Example: qifang machine check machine.json
    """

    async def work() -> list[Complaint]:
        return check_machine(await console_actor(bureau), _read(file))

    found = run(work)
    if as_json:
        print_json(found)
    else:
        print_table("complaints", ["at", "中文", "English"], [(one.at, one.zh, one.en) for one in found], "It fits.")


@machine.command("load")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--reason", required=True, help="Why; kept with the version.")
@bureau_option
@json_option
def machine_load(file: Path, reason: str, bureau: str, as_json: bool) -> None:
    """Put an overlay in force as the next version, also for issues on their way.

    \b
    Example: qifang machine load machine.json --reason "答复须附件"
    """

    async def work() -> MachineOut:
        actor = await console_actor(bureau)
        before = await show_machine(actor)
        return await change_machine(actor, NewMachine(base=before.version, overlay=_read(file), reason=reason))

    shown = run(work)
    if as_json:
        print_json(shown)
    else:
        out.print(f"version {shown.version} is in force")


def _read(file: Path) -> Overlay:
    try:
        return msgspec.json.decode(file.read_bytes(), type=Overlay)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise refusal("machine.unreadable", file=file.name, reason=str(error)) from None
