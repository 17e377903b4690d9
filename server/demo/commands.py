"""`qifang demo`: a bureau to look around in, with what its people need to sign in."""

from __future__ import annotations

import sys

import click
from msgspec import Struct
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from server.console import json_option, out, print_json, print_table, run
from server.demo.play import Played, is_unfinished, play_demo
from server.devices.actions import Enrolment, offer_enrolment
from server.issues.tables import Issue
from server.migrate import migrate
from server.people.roles import COMMISSIONER
from server.people.tables import Bureau
from server.records.tables import Record
from server.refusals import refusal
from server.settings import settings

ROLE_WORDS = {
    "admin": "系统管理员",
    "commissioner": "服务专员",
    "dispatcher": "分办员",
    "handler": "承办人",
    "reviewer": "审核人",
    "supervisor": "督办员",
    "coordinator": "领导小组办公室",
    "callback_officer": "回访员",
    "auditor": "审计员",
}


class Account(Struct, frozen=True, kw_only=True):
    role: str
    login: str
    name: str
    unit: str
    one_time_password: str


class Demo(Struct, frozen=True, kw_only=True):
    """What is printed: everything a person needs to begin."""

    bureau: str
    address: str
    enterprises: int
    records: int
    issues: int
    accounts: list[Account]
    enrolment: Enrolment


@click.command()
@click.option("--unless-founded", is_flag=True, help="Do nothing when there is a bureau already.")
@click.option("--seed", default=1, show_default=True, help="Another seed tells other stories of the same sort.")
@json_option
def demo(unless_founded: bool, seed: int, as_json: bool) -> None:
    """Make the database if need be, and play three months of a made-up bureau into it.

    Everything happens through the product's own actions under a clock of its own, and ends with the last office day that is
    over. Passwords are made now, shown once, and work once. There is no other account.

    \b
    Example: qifang demo --seed 7
    """

    async def work() -> Demo | None:
        await migrate()
        if await is_unfinished():
            raise refusal("demo.unfinished")
        if await Bureau.exists():
            if unless_founded:
                return None
            raise refusal("demo.founded")
        columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
        with Progress(*columns, disable=as_json or not sys.stderr.isatty(), transient=True) as bar:
            task = bar.add_task("演示数据 demo", total=None)
            played = await play_demo(
                seed=seed, on_progress=lambda done, total: bar.update(task, completed=done, total=total)
            )
        return await _describe(played)

    made = run(work, migrated=False)
    if as_json:
        print_json(made)
    elif made is None:
        out.print(
            "已有单位,不再生成演示数据;忘记密码: qifang person password LOGIN / "
            "a bureau exists already; for a new password: qifang person password LOGIN",
            markup=False,
        )
    else:
        _show(made)


async def _describe(played: Played) -> Demo:
    """The enrolment code is made at the present moment: it is the one thing of the demo that is about to be used."""
    cast = played.cast
    shown = [player for player in cast.players if player.one_time_password]
    names = {code: place.name for code, place in cast.units.items()}
    commissioner = next(player for player in shown if player.role == COMMISSIONER)
    bureau = cast.system.bureau
    return Demo(
        bureau=played.name,
        address=settings.address,
        enterprises=len(cast.firms),
        records=await Record.count().where(Record.bureau == bureau),
        issues=await Issue.count().where(Issue.bureau == bureau),
        accounts=[
            Account(
                role=player.role,
                login=player.login,
                name=player.name,
                unit=names.get(player.unit, played.name),
                one_time_password=player.one_time_password,
            )
            for player in shown
        ],
        enrolment=await offer_enrolment(cast.system, commissioner.login),
    )


def _show(made: Demo) -> None:
    out.print(
        f"{made.bureau}: {made.enterprises} 家企业 enterprises · {made.records} 份记录 records · {made.issues} 件事项 issues"
    )
    rows = [(f"{ROLE_WORDS[one.role]} {one.role}", one.login, one.one_time_password, one.name) for one in made.accounts]
    title = "一次性密码,首次登录后须更改 / one-time passwords, to be changed at the first sign-in"
    print_table(title, ["角色 role", "账号 login", "密码 password", "姓名 name"], rows, "")
    out.print("其他人的密码 / anybody else's password: qifang person list · qifang person password LOGIN", markup=False)
    login = made.enrolment.login
    out.print(f"\n手机注册 / enrol a phone ({login}): {made.enrolment.link}", markup=False)
    out.print(
        f"""
地址 address: {made.address}   (qifang serve; API: {made.address}/schema/openapi.json)
试一试 / what to try next:
  qifang api GET '/v1/issues?overdue=true' --as {_login(made, "dispatcher")}
  qifang api GET /v1/issues --as {_login(made, "handler")} --pick items.0
  qifang phone enrol {made.enrolment.code} --store {login}.phone && qifang phone pull --store {login}.phone
  qifang simulate --phones 5 --minutes 1""",
        markup=False,
    )


def _login(made: Demo, role: str) -> str:
    return next(one.login for one in made.accounts if one.role == role)
