"""`qifang init`, `qifang unit …`, `qifang person …`."""

from __future__ import annotations

import click

from server.console import bureau_option, console_actor, json_option, out, print_json, print_table, run
from server.migrate import migrate
from server.people.actions import (
    AddedPerson,
    NewPerson,
    NewUnit,
    add_person,
    add_unit,
    disable_person,
    enable_person,
    found_bureau,
    reset_password,
)
from server.people.actor import Actor
from server.people.grants.actions import PersonWhole, RoleChange, change_roles, move_person, show_person
from server.people.roles import ROLES
from server.people.tables import Person, Unit


@click.command()
@click.argument("code")
@click.argument("name")
@click.option("--region", default="", help="GB/T 2260 code of the place, e.g. 360102.")
@click.option("--admin", default="admin", show_default=True, help="Login of the first administrator.")
@json_option
def init(code: str, name: str, region: str, admin: str, as_json: bool) -> None:
    """Make the database if need be, found a bureau and its first administrator.

    \b
    Example: qifang init donghu 东湖区中小企业服务局 --region 360102
    """

    async def work() -> AddedPerson:
        await migrate()
        actor = await found_bureau(code, name, region)
        return await add_person(actor, NewPerson(login=admin, name="管理员", unit=code, roles=("admin",)))

    added = run(work, migrated=False)
    _show_added(added, as_json)


@click.group()
def unit() -> None:
    """Departments, streets and agencies."""


@unit.command("add")
@click.argument("code")
@click.argument("name")
@click.option("--kind", type=click.Choice(["department", "street", "agency", "external"]), default="department")
@click.option("--parent", default="", help="Code of the unit above; the bureau itself when left out.")
@bureau_option
def unit_add(code: str, name: str, kind: str, parent: str, bureau: str) -> None:
    """Add a unit to the tree.

    \b
    Example: qifang unit add finance 区金融服务中心
    """

    async def work() -> Unit:
        actor = await console_actor(bureau)
        return await add_unit(actor, NewUnit(code=code, name=name, kind=kind, parent=parent))

    added = run(work)
    out.print(f"{added.code}  {added.name}")


@unit.command("list")
@bureau_option
@json_option
def unit_list(bureau: str, as_json: bool) -> None:
    """Show the unit tree.

    \b
    Example: qifang unit list
    """

    async def work() -> list[Unit]:
        actor = await console_actor(bureau)
        return await Unit.of_bureau(actor.bureau)

    units = run(work)
    if as_json:
        print_json([{"id": unit.id, "code": unit.code, "name": unit.name, "path": unit.path} for unit in units])
    else:
        rows = [("  " * (unit.path.count("/") - 1) + unit.code, unit.name, unit.kind) for unit in units]
        print_table("", ["unit", "name", "kind"], rows, "No units yet: qifang unit add CODE NAME")


@click.group()
def person() -> None:
    """Who works here, and in which roles."""


@person.command("add")
@click.argument("login")
@click.argument("name")
@click.option("--unit", "unit_code", required=True, help="Code of the unit; roles reach over it and all below.")
@click.option("--role", "roles", multiple=True, required=True, type=click.Choice(list(ROLES)))
@click.option("--phone", default="")
@bureau_option
@json_option
def person_add(
    login: str, name: str, unit_code: str, roles: tuple[str, ...], phone: str, bureau: str, as_json: bool
) -> None:
    """Add a person and print a one-time password.

    \b
    Example: qifang person add zhou 周访 --unit bayi --role commissioner
    """

    async def work() -> AddedPerson:
        actor = await console_actor(bureau)
        return await add_person(actor, NewPerson(login=login, name=name, unit=unit_code, roles=roles, phone=phone))

    _show_added(run(work), as_json)


@person.command("password")
@click.argument("login")
@bureau_option
@json_option
def person_password(login: str, bureau: str, as_json: bool) -> None:
    """Give somebody a new one-time password and print it; a locked account is open again.

    \b
    Example: qifang person password zhou
    """

    async def work() -> AddedPerson:
        return await reset_password(await console_actor(bureau), login)

    _show_added(run(work), as_json)


@person.command("disable")
@click.argument("login")
@bureau_option
def person_disable(login: str, bureau: str) -> None:
    """Somebody has left: their sessions end and their phones are told to wipe. Hand over what they looked after.

    \b
    Example: qifang person disable zhou
    """

    async def work() -> Person:
        return await disable_person(await console_actor(bureau), login)

    out.print(f"{run(work).name} can no longer sign in")


@person.command("enable")
@click.argument("login")
@bureau_option
def person_enable(login: str, bureau: str) -> None:
    """Somebody is back: their password works again, and so do their phones with all that they have not sent.

    \b
    Example: qifang person enable zhou
    """

    async def work() -> Person:
        return await enable_person(await console_actor(bureau), login)

    out.print(f"{run(work).name} may sign in again")


@person.command("role")
@click.argument("login")
@click.option("--add", "added", multiple=True, type=click.Choice(list(ROLES)))
@click.option("--remove", "removed", multiple=True, type=click.Choice(list(ROLES)))
@click.option(
    "--unit", "unit_code", default="", help="Where they are given or taken; else at their own unit, or everywhere."
)
@bureau_option
@json_option
def person_role(
    login: str, added: tuple[str, ...], removed: tuple[str, ...], unit_code: str, bureau: str, as_json: bool
) -> None:
    """Give somebody roles, take some away, or show those they hold; their phones follow.

    \b
    Example: qifang person role zhou --remove commissioner --add handler
    """

    async def work() -> PersonWhole:
        actor = await console_actor(bureau)
        if not added and not removed:
            return await show_person(actor, login)
        return await change_roles(actor, login, RoleChange(add=added, remove=removed, unit=unit_code))

    _show_person(run(work), as_json)


@person.command("move")
@click.argument("login")
@click.option("--unit", "unit_code", required=True, help="Code of the unit they work in from now on.")
@bureau_option
@json_option
def person_move(login: str, unit_code: str, bureau: str, as_json: bool) -> None:
    """Move somebody to another unit with the roles they held at the one they leave; their phones get its queue.

    \b
    Example: qifang person move he --unit bank
    """

    async def work() -> PersonWhole:
        return await move_person(await console_actor(bureau), login, unit_code)

    _show_person(run(work), as_json)


@person.command("list")
@bureau_option
@json_option
def person_list(bureau: str, as_json: bool) -> None:
    """Show who works here.

    \b
    Example: qifang person list --json
    """

    async def work() -> tuple[Actor, list[Person]]:
        actor = await console_actor(bureau)
        return actor, await Person.of_bureau(actor.bureau)

    _, persons = run(work)
    if as_json:
        print_json([{"id": row.id, "login": row.login, "name": row.name} for row in persons])
    else:
        print_table("", ["login", "name"], [(row.login, row.name) for row in persons], "Nobody yet: qifang person add")


def _show_added(added: AddedPerson, as_json: bool) -> None:
    if as_json:
        print_json(added)
    else:
        out.print(f"login {added.login}   one-time password {added.one_time_password}")


def _show_person(shown: PersonWhole, as_json: bool) -> None:
    if as_json:
        print_json(shown)
    else:
        rows = [(held.role, held.unit) for held in shown.roles]
        print_table(f"{shown.login}  {shown.name}", ["role", "unit"], rows, f"{shown.name} holds no role")
