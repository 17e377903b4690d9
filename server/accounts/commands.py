"""`qifang account …`: keys of other systems."""

from __future__ import annotations

import click

from server.accounts.actions import Account, NewAccount, list_accounts, open_account, revoke_key
from server.console import bureau_option, console_actor, json_option, out, print_json, print_table, run
from server.people.roles import INTAKE
from server.refusals import refusal


@click.group()
def account() -> None:
    """Other systems that work here by a key."""


@account.command("add")
@click.argument("login")
@click.option("--name", required=True, help="What people read: 市 12345 平台.")
@click.option("--unit", required=True, help="Code of the unit it stands at.")
@click.option("--role", "roles", multiple=True, default=[INTAKE], show_default=True, help="As often as needed.")
@bureau_option
@json_option
def account_add(login: str, name: str, unit: str, roles: tuple[str, ...], bureau: str, as_json: bool) -> None:
    """Open an account and show its key, once.

    \b
    Example: qifang account add city-12345 --name "市 12345 平台" --unit sme
    """

    async def work() -> Account:
        actor = await console_actor(bureau)
        return await open_account(actor, NewAccount(login=login, name=name, unit=unit, roles=roles))

    made = run(work)
    if as_json:
        print_json(made)
    else:
        out.print(f"{made.login}  {made.key}", markup=False)


@account.command("list")
@bureau_option
@json_option
def account_list(bureau: str, as_json: bool) -> None:
    """Show every key, revoked ones too.

    \b
    Example: qifang account list
    """

    async def work() -> list[Account]:
        return await list_accounts(await console_actor(bureau))

    found = run(work)
    if as_json:
        print_json(found)
        return
    rows = [(one.start, one.login, one.name, one.used_at or "-", one.revoked_at or "-") for one in found]
    print_table("", ["key", "login", "name", "used", "revoked"], rows, "There is none.")


@account.command("revoke")
@click.argument("start")
@bureau_option
def account_revoke(start: str, bureau: str) -> None:
    """End the key that begins with START.

    \b
    Example: qifang account revoke qfk_AbC123
    """

    async def work() -> None:
        actor = await console_actor(bureau)
        meant = [one for one in await list_accounts(actor) if one.start == start and one.revoked_at is None]
        if len(meant) != 1:
            raise refusal("account.unknown")
        await revoke_key(actor, meant[0].id)

    run(work)
