"""`qifang campaign …`."""

from __future__ import annotations

from datetime import date, datetime

import click

from server.campaigns.actions import NewCampaign, OpenedRound, create_campaign, open_round
from server.campaigns.board.lists import Board, CampaignOut, list_campaigns, show_board
from server.campaigns.rules import Filter, Population, ValidityRule
from server.console import bureau_option, console_actor, json_option, out, print_json, print_table, run
from server.moment import today
from server.paging import LIMIT_MAX
from server.people.actor import Actor
from server.refusals import refusal
from sync.transaction import transaction

DAY = click.DateTime(["%Y-%m-%d"])


@click.group()
def campaign() -> None:
    """The same questions to a frozen list of enterprises."""


@campaign.command("open")
@click.argument("name")
@click.option("--form", required=True, help="Id of the questionnaire, e.g. ops_monitor_q.")
@click.option("--from", "opens_on", type=DAY, help="First day; today when left out.")
@click.option("--until", "closes_on", type=DAY, required=True, help="Last day of answers in time.")
@click.option("--code", "codes", multiple=True, help="Credit code of an enterprise to ask; may be given many times.")
@click.option("--pool", default="", help="Ask the members of this pool instead.")
@click.option("--tier", "tiers", multiple=True, help="Or: ask all active enterprises of these tiers …")
@click.option("--region", "regions", multiple=True, help="… and of regions that begin with these codes.")
@click.option("--all", "everyone", is_flag=True, help="Or: ask every active enterprise of the registry.")
@click.option("--missing-max", type=int, help="Required questions that may stay open in an answer that counts.")
@bureau_option
@json_option
def campaign_open(
    name: str,
    form: str,
    opens_on: datetime | None,
    closes_on: datetime,
    codes: tuple[str, ...],
    pool: str,
    tiers: tuple[str, ...],
    regions: tuple[str, ...],
    everyone: bool,
    missing_max: int | None,
    bureau: str,
    as_json: bool,
) -> None:
    """Set up a campaign and open its round: the list is frozen now.

    \b
    Example: qifang campaign open 四季度运行监测 --form ops_monitor_q --until 2026-12-20 --region 360102
    """
    where = Filter(tiers=tiers, regions=regions) if tiers or regions or everyone else None

    async def work() -> OpenedRound:
        actor = await console_actor(bureau)
        new = NewCampaign(
            name=name,
            form=form,
            opens_on=_day(opens_on) or today(),
            closes_on=_day(closes_on) or today(),
            population=Population(codes=list(codes), pool=pool, where=where),
            validity=ValidityRule(missing_max=missing_max),
        )
        async with transaction():  # a round that cannot be opened leaves no campaign behind
            made = await create_campaign(actor, new)
            return await open_round(actor, made.id, 1)

    opened = run(work)
    if as_json:
        print_json(opened)
        return
    out.print(f"{opened.campaign}  {opened.targets} enterprises, {opened.opens_on} to {opened.closes_on}")
    for warning in opened.warnings:
        out.print(f"{warning.zh} / {warning.en}")


@campaign.command("list")
@bureau_option
@json_option
def campaign_list(bureau: str, as_json: bool) -> None:
    """Show the campaigns, the newest first.

    \b
    Example: qifang campaign list
    """

    async def work() -> list[CampaignOut]:
        return await _all(await console_actor(bureau))

    found = run(work)
    if as_json:
        print_json(found)
        return
    rows = [(one.id, one.name, one.rounds[-1].state, one.rounds[-1].closes_on) for one in found if one.rounds]
    print_table("", ["campaign", "name", "state", "until"], rows, "No campaigns yet: qifang campaign open NAME")


@campaign.command("status")
@click.argument("name_or_id")
@click.option("--round", "n", default=1, show_default=True)
@bureau_option
@json_option
def campaign_status(name_or_id: str, n: int, bureau: str, as_json: bool) -> None:
    """Show who was asked, who answered in which way, and the response rate.

    \b
    Example: qifang campaign status 四季度运行监测 --json
    """

    async def work() -> Board:
        actor = await console_actor(bureau)
        return await show_board(actor, (await _find(actor, name_or_id)).id, n)

    board = run(work)
    if as_json:
        print_json(board)
        return
    rates = board.rates
    shown = "-" if rates.response_rate is None else f"{rates.response_rate:.1%}"
    rows = [
        ("asked (n)", rates.targets),
        ("answered", rates.filled),
        *((f"  by {way}", count) for way, count in rates.filled_by.items()),
        ("  late", rates.late),
        ("declined", rates.refused),
        ("not reached", rates.unreachable),
        ("open", rates.open),
        ("response rate", shown),
        ("duplicates / invalid / too late", f"{board.duplicates} / {board.invalid} / {board.after_close}"),
    ]
    print_table(f"{board.name}  {board.round.opens_on} – {board.round.closes_on}", ["", ""], rows, "")


async def _all(actor: Actor) -> list[CampaignOut]:
    page = await list_campaigns(actor, after="", limit=LIMIT_MAX)
    found = page.items
    while page.next is not None:
        page = await list_campaigns(actor, after=page.next, limit=LIMIT_MAX)
        found += page.items
    return found


async def _find(actor: Actor, name_or_id: str) -> CampaignOut:
    """By id, or by name when only one has it. Raises `campaign.unknown`, `campaign.several`."""
    named = [one for one in await _all(actor) if name_or_id in (str(one.id), one.name)]
    if not named:
        raise refusal("campaign.unknown")
    if len(named) > 1:
        ids = ", ".join(str(one.id) for one in named)
        raise refusal("campaign.several", count=len(named), name=name_or_id, ids=ids)
    return named[0]


def _day(given: datetime | None) -> date | None:
    return given.date() if given is not None else None
