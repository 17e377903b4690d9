"""`qifang post …` and `qifang absence …`."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

import click

from server.console import bureau_option, console_actor, json_option, out, print_json, print_table, run
from server.refusals import refusal
from server.routing.posts.actions import (
    AbsenceIn,
    AbsenceOut,
    HolderIn,
    PostIn,
    PostOut,
    end_absence,
    list_absences,
    list_posts,
    note_absence,
    put_post,
    retire_post,
)


@click.group()
def post() -> None:
    """Posts inside units, and who holds them."""


@post.command("list")
@click.option("--unit", default="")
@bureau_option
@json_option
def post_list(unit: str, bureau: str, as_json: bool) -> None:
    """Show the posts, who holds them, and how much each has open.

    \b
    Example: qifang post list --unit finance
    """

    async def work() -> list[PostOut]:
        return await list_posts(await console_actor(bureau), unit)

    _show(run(work), as_json)


@post.command("set")
@click.argument("unit")
@click.argument("code")
@click.argument("name")
@click.option("--holder", "holders", multiple=True, help="LOGIN, LOGIN:CAPACITY or LOGIN:CAPACITY:SUBSTITUTE.")
@bureau_option
@json_option
def post_set(unit: str, code: str, name: str, holders: tuple[str, ...], bureau: str, as_json: bool) -> None:
    """Make a post or change it; those named hold it from now on, nobody else.

    \b
    Example: qifang post set finance credit 信贷服务岗 --holder he:20:wu --holder wu:20
    """

    async def work() -> PostOut:
        wanted = PostIn(name=name, holders=[_holder(one) for one in holders])
        return await put_post(await console_actor(bureau), unit, code, wanted)

    _show([run(work)], as_json)


@post.command("retire")
@click.argument("unit")
@click.argument("code")
@bureau_option
@json_option
def post_retire(unit: str, code: str, bureau: str, as_json: bool) -> None:
    """No new issue goes to this post.

    \b
    Example: qifang post retire finance credit
    """

    async def work() -> PostOut:
        return await retire_post(await console_actor(bureau), unit, code)

    _show([run(work)], as_json)


@click.group()
def absence() -> None:
    """Who is away, and who stands in."""


@absence.command("list")
@bureau_option
@json_option
def absence_list(bureau: str, as_json: bool) -> None:
    """Show the absences that are not over.

    \b
    Example: qifang absence list
    """

    async def work() -> list[AbsenceOut]:
        return await list_absences(await console_actor(bureau))

    _show_absences(run(work), as_json)


@absence.command("add")
@click.argument("login")
@click.argument("first", type=click.DateTime(["%Y-%m-%d"]))
@click.argument("last", type=click.DateTime(["%Y-%m-%d"]))
@click.option("--substitute", default="", help="Login of whoever stands in.")
@click.option("--reason", default="")
@bureau_option
@json_option
def absence_add(
    login: str, first: datetime, last: datetime, substitute: str, reason: str, bureau: str, as_json: bool
) -> None:
    """Note that somebody is away, both days included.

    \b
    Example: qifang absence add he 2026-10-08 2026-10-16 --substitute wu
    """

    async def work() -> AbsenceOut:
        wanted = AbsenceIn(
            login=login, starts_on=first.date(), ends_on=last.date(), substitute=substitute, reason=reason
        )
        return await note_absence(await console_actor(bureau), wanted)

    _show_absences([run(work)], as_json)


@absence.command("end")
@click.argument("id", type=click.UUID)
@bureau_option
@json_option
def absence_end(id: UUID, bureau: str, as_json: bool) -> None:
    """Somebody is back, or did not go.

    \b
    Example: qifang absence end 0197c0de-0000-7000-8000-000000000000
    """

    async def work() -> AbsenceOut:
        return await end_absence(await console_actor(bureau), id)

    _show_absences([run(work)], as_json)


def _holder(text: str) -> HolderIn:
    login, capacity, substitute = (*text.split(":"), "", "")[:3]
    if not (capacity or "0").isdecimal() or text.count(":") > 2:
        raise refusal("request.malformed", reason=f"{text!r} is not LOGIN:CAPACITY:SUBSTITUTE")
    return HolderIn(login=login, capacity=int(capacity or 0), substitute=substitute)


def _show(posts: list[PostOut], as_json: bool) -> None:
    if as_json:
        print_json(posts)
        return
    rows = []
    for one in posts:
        names = [
            f"{held.name} {held.open}/{held.capacity or '∞'}{'' if held.is_on_duty else ' (away)'}"
            for held in one.holders
        ]
        rows.append((f"{one.unit}/{one.code}", one.name, "retired" if one.is_retired else "、".join(names)))
    print_table("", ["post", "name", "holders"], rows, "No posts yet: qifang post set UNIT CODE NAME --holder LOGIN")


def _show_absences(absences: list[AbsenceOut], as_json: bool) -> None:
    if as_json:
        print_json(absences)
        return
    for one in absences:
        out.print(f"{one.id}  {one.name}  {one.starts_on} – {one.ends_on}  {one.substitute}  {one.reason}")
    if not absences:
        out.print("Nobody is away: qifang absence add LOGIN FIRST LAST")
