"""Trying a matrix: what is wrong with it, and who would get an issue by it, down to the person, without writing anything."""

from __future__ import annotations

from datetime import date
from typing import Annotated
from uuid import UUID

from msgspec import Meta, Struct

from server.enterprises.tables import Enterprise
from server.moment import today
from server.people.actions import Line, find_unit
from server.people.actor import Actor
from server.people.tables import Unit
from server.refusals import refusal
from server.routing.checking.complaints import Complaint, Known, complaints_of
from server.routing.posts.choice import Considered
from server.routing.posts.duty import choose_in_post, find_post, holders_of
from server.routing.posts.tables import Post
from server.routing.route import Route, Rule, Subject, choose
from server.routing.tables import Category

RULES_MAX = 2000


class Asked(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is left out comes from the enterprise, else is empty. With `rules` an edition nobody has made yet is tried."""

    category: Line = ""
    enterprise: UUID | None = None
    place: Line = ""
    industry: Line = ""
    tier: Line = ""
    author_unit: Line = ""
    """Code of the unit of whoever writes it down: a street joins where no rule knows the place."""
    on: date | None = None
    rules: Annotated[list[Rule], Meta(max_length=RULES_MAX)] | None = None


class Fitting(Struct, frozen=True, kw_only=True):
    line: int
    rule: Rule
    leads: bool


class Preview(Struct, frozen=True, kw_only=True):
    lead: str
    post: str
    """Code of the post; empty when the unit decides."""
    co: tuple[str, ...]
    version: int
    """0 for an edition nobody has made yet."""
    person: UUID | None
    person_name: str
    why_zh: str
    why_en: str
    fitting: list[Fitting]
    """Every line that fits, the most specific first."""
    considered: list[Considered]
    complaints: list[Complaint]


async def check_rules(actor: Actor, rules: list[Rule]) -> list[Complaint]:
    """Every complaint about these rules as an edition of this bureau."""
    actor.must("routing.read")
    return complaints_of(rules, await known_to(actor.bureau))


async def known_to(bureau: UUID) -> Known:
    units = {row.id: row.code for row in await Unit.of_bureau(bureau)}
    posts = await Post.objects().where((Post.bureau == bureau) & Post.retired_at.is_null())
    counts = dict.fromkeys((post.id for post in posts), 0)
    for row in await holders_of(bureau, list(counts)):
        counts[row.post] += 1
    categories = await Category.of_bureau(bureau)
    return Known(
        units=frozenset(units.values()),
        categories={row.code: None if row.retired_at is None else row.successor for row in categories},
        posts={(units[post.unit], post.code): counts[post.id] for post in posts},
    )


async def preview_route(actor: Actor, asked: Asked, rules: list[Rule], version: int) -> Preview:
    """`rules` are those asked about, else the edition in force. Raises `enterprise.unknown`, `unit.unknown`."""
    actor.must("routing.read")
    subject = await _subject(actor, asked)
    street = ""
    if asked.author_unit:
        unit = await find_unit(actor.bureau, asked.author_unit)
        street = unit.code if unit.kind == "street" else ""
    route = choose(rules, subject, version=version, street=street)
    fitting = [
        Fitting(line=line, rule=rule, leads=rule is route.rule)
        for line, rule in enumerate(rules, 1)
        if rule.fits(subject)
    ]
    fitting.sort(key=lambda one: (one.rule.precision, one.rule.priority), reverse=True)
    return await _with_person(actor, asked, route, fitting, rules)


async def _with_person(actor: Actor, asked: Asked, route: Route, fitting: list[Fitting], rules: list[Rule]) -> Preview:
    unit = await Unit.objects().get((Unit.bureau == actor.bureau) & (Unit.code == route.lead)) if route.lead else None
    post = await find_post(actor.bureau, unit.id, route.post) if unit is not None else None
    choice = await choose_in_post(actor.bureau, post, on=asked.on or today()) if post is not None else None
    zh, en = route.why_zh, route.why_en
    if choice is not None:
        zh, en = f"{zh};{choice.why_zh}", f"{en}; {choice.why_en}"
    elif route.lead:
        zh, en = (
            f"{zh};没有可用的岗位,由单位派定经办人",
            f"{en}; no post to choose from: the unit decides who handles it",
        )
    return Preview(
        lead=route.lead,
        post=post.code if post is not None else "",
        co=route.co,
        version=route.version,
        person=choice.person if choice is not None else None,
        person_name=choice.name if choice is not None else "",
        why_zh=zh,
        why_en=en,
        fitting=fitting,
        considered=choice.considered if choice is not None else [],
        complaints=complaints_of(rules, await known_to(actor.bureau)) if asked.rules is not None else [],
    )


async def _subject(actor: Actor, asked: Asked) -> Subject:
    firm = None
    if asked.enterprise is not None:
        actor.must("enterprise.read")
        firm = await Enterprise.visible_to(actor).where(Enterprise.id == asked.enterprise).first()
        if firm is None:
            raise refusal("enterprise.unknown")
    return Subject(
        category=asked.category,
        place=asked.place or (firm.region if firm is not None else ""),
        industry=asked.industry or (firm.industry if firm is not None else ""),
        tier=asked.tier or (firm.tier if firm is not None else ""),
    )
