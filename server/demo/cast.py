"""Who there is in the demo: the unit tree, the persons in their roles, and 142 enterprises with their commissioners."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from random import Random
from uuid import UUID

import pypinyin
from msgspec import Struct

from server.demo.seeds import Place, units, words
from server.demo.stage import Stage
from server.enterprises import credit_code
from server.enterprises.lists.actions import import_enterprises
from server.enterprises.tables import Enterprise
from server.people.actions import NewPerson, NewUnit, add_person, add_unit, found_bureau
from server.people.actor import Actor
from server.people.roles import (
    ADMIN,
    AUDITOR,
    CALLBACK_OFFICER,
    COMMISSIONER,
    COORDINATOR,
    DISPATCHER,
    HANDLER,
    REVIEWER,
    SUPERVISOR,
)
from server.routing.actions import load_seed

BUREAU, BUREAU_NAME, REGION = "donghu", "东湖区中小企业服务局", "360102"
FIRMS, COMMISSIONERS = 142, 30
TIERS = ("创新型",) * 9 + ("专精特新",) * 5 + ("小巨人",) + ("无",) * 5
STREET_ROADS = ("阳明路", "二七北路", "青山路", "沿江北路", "叠山路", "民德路", "南京西路", "永外正街")
POSTS = ("总经理", "厂长", "副总经理", "财务总监", "行政主管")


class Player(Struct, frozen=True, kw_only=True):
    id: UUID
    login: str
    name: str
    unit: str
    role: str
    one_time_password: str
    """Empty for all but the first of a role: the others get one when somebody asks for it."""


class Firm(Struct, frozen=True, kw_only=True):
    id: UUID
    name: str
    credit_code: str
    region: str
    industry: str
    trade: str
    staff: int
    contact: str
    commissioner: Player


class Cast(Struct, frozen=True, kw_only=True):
    system: Actor
    units: dict[str, Place]
    players: list[Player]
    firms: list[Firm]
    names: Iterator[str]
    """Names nobody bears yet."""

    def of_role(self, role: str) -> list[Player]:
        return [player for player in self.players if player.role == role]

    def at(self, role: str, unit: str) -> Player:
        """Whoever holds this role in a unit."""
        return next(player for player in self.players if player.role == role and player.unit == unit)


async def found(stage: Stage) -> Cast:
    """The bureau and its first administrator, from whom all others come."""
    system = await found_bureau(BUREAU, BUREAU_NAME, REGION)
    stage.bureau = system.bureau
    names = _names(stage.chance)
    admin = await _join(system, next(names), BUREAU, ADMIN, with_password=True, login="admin")
    return Cast(system=system, units={unit.code: unit for unit in units()}, players=[admin], firms=[], names=names)


async def settle(stage: Stage, cast: Cast) -> None:
    """The units, the persons, the routing and the registry, all on one morning."""
    admin = await stage.actor(cast.players[0].id)
    for place in units():
        await add_unit(admin, NewUnit(code=place.code, name=place.name, kind=place.kind))
    for role, unit in _posts():
        is_first = all(player.role != role for player in cast.players)
        cast.players.append(await _join(admin, next(cast.names), unit, role, with_password=is_first))
    await load_seed(admin, "donghu")
    supervisor = await stage.actor(cast.of_role(SUPERVISOR)[0].id)
    lines = _firms(stage.chance, cast)
    report = await import_enterprises(supervisor, _as_csv(lines), "东湖区企业名录.csv", strict=True)
    if report.counts.added != FIRMS:
        raise ValueError(f"{report.counts.added} of {FIRMS} enterprises were imported")
    cast.firms.extend(await _imported(cast, lines))


def _posts() -> Iterator[tuple[str, str]]:
    """Every post to fill: role and unit."""
    streets = [unit.code for unit in units() if unit.kind == "street"]
    offices = [unit.code for unit in units() if unit.kind != "street"]
    for number in range(COMMISSIONERS):
        yield COMMISSIONER, streets[number % len(streets)]
    for role, count in ((DISPATCHER, 3), (SUPERVISOR, 2), (COORDINATOR, 1), (CALLBACK_OFFICER, 2), (AUDITOR, 1)):
        yield from [(role, BUREAU)] * count
    for office in offices:
        yield HANDLER, office
        yield REVIEWER, office


async def _join(actor: Actor, name: str, unit: str, role: str, *, with_password: bool, login: str = "") -> Player:
    login = login or "".join(pypinyin.lazy_pinyin(name))
    added = await add_person(
        actor, NewPerson(login=login, name=name, unit=unit, roles=(role,)), with_password=with_password
    )
    return Player(id=added.id, login=login, name=name, unit=unit, role=role, one_time_password=added.one_time_password)


def _names(chance: Random) -> Iterator[str]:
    """Names whose pinyin differ, so that each can be a login."""
    names = [surname + given for surname in words("surname") for given in words("given")]
    chance.shuffle(names)
    seen: set[str] = set()
    for name in names:
        login = "".join(pypinyin.lazy_pinyin(name))
        if login not in seen:
            seen.add(login)
            yield name


def _firms(chance: Random, cast: Cast) -> list[dict[str, str]]:
    """The list as an office keeps it: Chinese headings, one line a firm, each given to a commissioner of its street."""
    trades = [text.split("|") for text in words("trade")]
    pairs = [(brand, trade) for brand in words("brand") for trade in trades]
    commissioners = cast.of_role(COMMISSIONER)
    codes: set[str] = set()
    lines = []
    for number, (brand, (trade, industry, _)) in enumerate(chance.sample(pairs, FIRMS)):
        player = commissioners[number % len(commissioners)]
        street = cast.units[player.unit]
        staff = int(chance.choice((12, 18, 25, 36, 48, 60, 85, 120, 180, 260)) * chance.uniform(0.85, 1.2))
        owner = chance.choice(words("surname")) + chance.choice(words("given"))
        contact = owner if chance.random() < 0.5 else chance.choice(words("surname")) + chance.choice(words("given"))
        lines.append(
            {
                "统一社会信用代码": _fresh_code(chance, codes),
                "企业名称": f"{chance.choice(('江西', '南昌', '江西省', '南昌市'))}{brand}{trade}有限公司",
                "行政区划代码": street.region,
                "行业代码": industry,
                "地址": f"东湖区{street.short}{chance.choice(STREET_ROADS)}{chance.randrange(1, 400)}号",
                "梯度": chance.choice(TIERS),
                "规模": "微型" if staff < 20 else "小型" if staff < 250 else "中型",
                "成立日期": f"{chance.randrange(1998, 2023)}-{chance.randrange(1, 13):02}-{chance.randrange(1, 28):02}",
                "法定代表人": owner,
                "从业人数": str(staff),
                "营业收入": str(int(staff * chance.uniform(30, 90))),
                "主营产品": trade,
                "联系人": contact,
                "联系人职务": POSTS[0] if contact == owner else chance.choice(POSTS[1:]),
                "联系电话": f"0791-0000{number:04}",  # no local number begins with 0
                "服务专员": player.login,
            }
        )
    return lines


def _fresh_code(chance: Random, known: set[str]) -> str:
    while True:
        body = "MA" + "".join(chance.choice(credit_code.SYMBOLS) for _ in range(6))
        code = credit_code.compose("91" + REGION, body)
        if code not in known:
            known.add(code)
            return code


def _as_csv(lines: list[dict[str, str]]) -> bytes:
    text = io.StringIO()
    writer = csv.DictWriter(text, fieldnames=list(lines[0]))
    writer.writeheader()
    writer.writerows(lines)
    return text.getvalue().encode("gb18030")


async def _imported(cast: Cast, lines: list[dict[str, str]]) -> list[Firm]:
    rows = await Enterprise.select(Enterprise.id, Enterprise.credit_code).where(Enterprise.bureau == cast.system.bureau)
    ids = {row["credit_code"]: row["id"] for row in rows}
    by_login = {player.login: player for player in cast.players}
    return [
        Firm(
            id=ids[line["统一社会信用代码"]],
            name=line["企业名称"],
            credit_code=line["统一社会信用代码"],
            region=line["行政区划代码"],
            industry=line["行业代码"],
            trade=line["主营产品"],
            staff=int(line["从业人数"]),
            contact=line["联系人"],
            commissioner=by_login[line["服务专员"]],
        )
        for line in lines
    ]
