"""`qifang policy …`."""

from __future__ import annotations

from datetime import date

import click
import msgspec
from msgspec.structs import replace

from server.clocks.choosing.commands import choices
from server.clocks.policies.actions import PolicyOut, list_policies
from server.clocks.policies.editions import NewEdition
from server.console import bureau_option, console_actor, json_option, out, print_json, run
from server.issues.policies.actions import Effect, change_policy


@click.group()
def policy() -> None:
    """How long each step of an issue may take."""


policy.add_command(choices)


@policy.command("list")
@bureau_option
@json_option
def policy_list(bureau: str, as_json: bool) -> None:
    """Show the policies in force.

    \b
    Example: qifang policy list
    """

    async def work() -> list[PolicyOut]:
        return await list_policies(await console_actor(bureau))

    _print(run(work), as_json)


@policy.command("show")
@click.argument("name")
@bureau_option
@json_option
def policy_show(name: str, bureau: str, as_json: bool) -> None:
    """Show every edition of one policy.

    \b
    Example: qifang policy show ordinary
    """

    async def work() -> list[PolicyOut]:
        return await list_policies(await console_actor(bureau), name)

    _print(run(work), as_json)


@policy.command("edit")
@click.argument("name")
@click.argument("limits", nargs=-1)
@click.option("--zh", default="", help="Its name; that of the last edition when left out.")
@click.option("--from", "valid_from", type=click.DateTime(["%Y-%m-%d"]), help="First day; today when left out.")
@click.option("--open-too", is_flag=True, help="Also for the issues that are open now.")
@click.option("--dry-run", is_flag=True, help="Only show which dates would move.")
@click.option(
    "--forward", is_flag=True, help="If it would make somebody late in the past: from tomorrow, for new issues."
)
@click.option("--note", default="")
@bureau_option
@json_option
def policy_edit(
    name: str, limits: tuple[str, ...], zh: str, valid_from: date | None, open_too: bool, dry_run: bool, forward: bool, note: str,
    bureau: str, as_json: bool,
) -> None:  # fmt: skip
    """Make a new edition of policy NAME, with these LIMITS instead of those it has; `clock=` takes one away.

    \b
    Example: qifang policy edit ordinary solve=5wd --from 2027-01-01 --note 提速
             qifang policy edit ordinary reply=2wd --open-too --dry-run
    """

    async def work() -> Effect:
        actor = await console_actor(bureau)
        known = {one.name for one in await list_policies(actor)}
        last = (await list_policies(actor, name))[0] if name in known else None
        merged = (last.limits if last else {}) | dict(limit.partition("=")[::2] for limit in limits)
        written = NewEdition(
            zh=zh or (last.zh if last else name), en=last.en if last else "",
            limits={clock: text for clock, text in merged.items() if text}, open_too=open_too, note=note,
            valid_from=date(valid_from.year, valid_from.month, valid_from.day) if valid_from else None,
        )  # fmt: skip
        if last is not None:
            written = replace(written, rules=last.rules)
        return await change_policy(
            actor, name, msgspec.convert(msgspec.to_builtins(written), NewEdition), dry_run=dry_run, forward=forward
        )

    effect = run(work)
    if as_json:
        print_json(effect)
        return
    verb = "would move" if effect.is_dry_run else "moved"
    out.print(f"{effect.policy} version {effect.version} from {effect.valid_from}: {effect.issues} issues {verb}")
    for move in effect.moves:
        late = "  late" if move.is_new_breach else ""
        out.print(f"  {move.number} {move.clock_zh} {move.before or '-'} → {move.after or '-'}{late}")


def _print(policies: list[PolicyOut], as_json: bool) -> None:
    if as_json:
        print_json(policies)
        return
    for one in policies:
        limits = "  ".join(f"{clock} {text}" for clock, text in one.limits.items())
        now = "" if one.in_force else "  (not in force)"
        out.print(f"{one.name}@{one.version}  {one.zh}  from {one.valid_from}{now}")
        out.print(f"    {limits}", soft_wrap=True)
