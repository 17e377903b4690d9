"""`qifang notice …`."""

from __future__ import annotations

import sys
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import click
import msgspec
import structlog

from server.console import bureau_option, console_actor, json_option, out, print_json, print_table, run
from server.notices.channels.actions import (
    ChannelChange,
    ChannelOut,
    NewChannel,
    Preview,
    Tried,
    Try,
    add_channel,
    change_channel,
    list_channels,
    preview_channel,
    try_channel,
)
from server.notices.inbox.actions import NewWish, WishOut, set_wish_of
from server.notices.outbox.actions import (
    DeliveryOut,
    Query,
    Replay,
    Replayed,
    list_deliveries,
    replay_failed,
)
from server.notices.outbox.working import Worked, work_outbox
from server.paging import Page
from server.refusals import refusal
from server.settings import settings


@click.group()
def notice() -> None:
    """Channels by which people are told, and the log of what was sent."""


@notice.command("channels")
@bureau_option
@json_option
def notice_channels(bureau: str, as_json: bool) -> None:
    """Show the channels.

    \b
    Example: qifang notice channels
    """

    async def work() -> list[ChannelOut]:
        return await list_channels(await console_actor(bureau))

    _show_channels(run(work), as_json)


@notice.command("add")
@click.argument("file", type=click.Path(allow_dash=True))
@bureau_option
@json_option
def notice_add(file: str, bureau: str, as_json: bool) -> None:
    """Connect a channel described by a JSON file (- for standard input), so that no secret stands in a command line.

    \b
    Example: qifang notice add wecom.json
    Example: echo '{"name": "金融群", "connection": {"kind": "wecom", "address": "https://…"}}' | qifang notice add -
    """
    new = _read(file, NewChannel)

    async def work() -> ChannelOut:
        return await add_channel(await console_actor(bureau), new)

    added = run(work)
    _show_channels([added], as_json)
    if added.secret and not as_json:
        out.print(f"secret, shown once: {added.secret}")


@notice.command("connect")
@click.argument("channel")
@click.argument("file", type=click.Path(allow_dash=True))
@bureau_option
@json_option
def notice_connect(channel: str, file: str, bureau: str, as_json: bool) -> None:
    """Change a channel: a JSON file with what is to be different.

    \b
    Example: echo '{"detail": "full"}' | qifang notice connect 金融群 -
    """
    change = _read(file, ChannelChange)

    async def work() -> ChannelOut:
        actor = await console_actor(bureau)
        return await change_channel(actor, await _find(actor, channel), change)

    _show_channels([run(work)], as_json)


@notice.command("disable")
@click.argument("channel")
@click.option("--undo", is_flag=True, help="Use it again.")
@bureau_option
@json_option
def notice_disable(channel: str, undo: bool, bureau: str, as_json: bool) -> None:
    """Send nothing more through a channel, named by its name or id.

    \b
    Example: qifang notice disable 金融群
    """

    async def work() -> ChannelOut:
        actor = await console_actor(bureau)
        return await change_channel(actor, await _find(actor, channel), ChannelChange(is_disabled=not undo))

    _show_channels([run(work)], as_json)


@notice.command("try")
@click.argument("channel")
@click.option("--to", default="", help="Mail address or number, for channels that reach persons.")
@bureau_option
@json_option
def notice_try(channel: str, to: str, bureau: str, as_json: bool) -> None:
    """Send a test message now and show what came back.

    \b
    Example: qifang notice try 金融群
    """

    async def work() -> Tried:
        actor = await console_actor(bureau)
        return await try_channel(actor, await _find(actor, channel), Try(to=to))

    tried = run(work)
    if as_json:
        print_json(tried)
    else:
        out.print(f"{tried.outcome}  {tried.status}  {tried.answer}", markup=False)


@notice.command("preview")
@click.argument("channel")
@bureau_option
@json_option
def notice_preview(channel: str, bureau: str, as_json: bool) -> None:
    """Show what would be sent, without sending it.

    \b
    Example: qifang notice preview 金融群
    """

    async def work() -> Preview:
        actor = await console_actor(bureau)
        return await preview_channel(actor, await _find(actor, channel))

    shown = run(work)
    if as_json:
        print_json(shown)
    else:
        out.print(f"{shown.place}\n{', '.join(shown.headers)}\n\n{shown.body}", markup=False)


@notice.command("log")
@click.option("--state", type=click.Choice(["all", "pending", "gathered", "muted", "sent", "dead"]), default="all")
@click.option("--topic", default="")
@click.option("--limit", default=50, show_default=True)
@bureau_option
@json_option
def notice_log(state: Any, topic: str, limit: int, bureau: str, as_json: bool) -> None:
    """Show what was sent, what waits and what was given up, the newest first.

    \b
    Example: qifang notice log --state dead
    """

    async def work() -> Page[DeliveryOut]:
        actor = await console_actor(bureau)
        return await list_deliveries(actor, Query(state=state, topic=topic), after="", limit=limit)

    page = run(work)
    if as_json:
        print_json(page)
        return
    rows = [
        (str(line.id), line.created_at.astimezone(settings.timezone).strftime("%m-%d %H:%M"), line.channel_name,
         line.topic, line.state, line.tries, line.status, line.answer[:60])
        for line in page.items
    ]  # fmt: skip
    columns = ["delivery", "at", "channel", "topic", "state", "tries", "status", "answer"]
    print_table("", columns, rows, "Nothing has been sent yet.")


@notice.command("replay")
@click.option("--since", type=click.DateTime(), required=True, help="Given up since then, in the bureau's time zone.")
@click.option("--channel", default="", help="Only this one.")
@bureau_option
@json_option
def notice_replay(since: datetime, channel: str, bureau: str, as_json: bool) -> None:
    """Send again what was given up.

    \b
    Example: qifang notice replay --since 2026-11-20
    """

    async def work() -> Replayed:
        actor = await console_actor(bureau)
        only = await _find(actor, channel) if channel else None
        return await replay_failed(actor, Replay(since=since.replace(tzinfo=settings.timezone), channel=only))

    replayed = run(work)
    if as_json:
        print_json(replayed)
    else:
        out.print(f"{replayed.count} deliveries wait for the next run")


@notice.command("send")
@json_option
def notice_send(as_json: bool) -> None:
    """Send what is due now, without waiting for the server's next minute.

    \b
    Example: qifang notice send
    """
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))  # standard output is the answer
    worked: Worked = run(work_outbox)
    if as_json:
        print_json(worked)
    else:
        out.print(f"sent {worked.sent}, to be tried again {worked.waiting}, given up {worked.dead}")


@notice.command("wish")
@click.argument("login")
@click.argument("file", type=click.Path(allow_dash=True))
@bureau_option
@json_option
def notice_wish(login: str, file: str, bureau: str, as_json: bool) -> None:
    """Say for somebody how they want to be told: a JSON file as for PUT /v1/notice-wishes.

    \b
    Example: echo '{"mail": "he@example.org", "digest": "daily"}' | qifang notice wish he -
    """
    new = _read(file, NewWish)

    async def work() -> WishOut:
        return await set_wish_of(await console_actor(bureau), login, new)

    wish = run(work)
    if as_json:
        print_json(wish)
    else:
        out.print(f"{login}  mail {'yes' if wish.mail else 'no'}  digest {wish.digest or 'no'}  hours {wish.hours}")


def _read(file: str, kind: Any) -> Any:
    content = sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes() if Path(file).is_file() else None
    if content is None:
        raise click.ClickException(f"there is no file {file}")
    try:
        return msgspec.json.decode(content, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise click.ClickException(f"{file} does not fit: {error}") from None


async def _find(actor: Any, named: str) -> UUID:
    """A channel by id, or by its name when no other has it."""
    found = [one.id for one in await list_channels(actor) if named in (one.name, str(one.id))]
    if len(found) != 1:
        raise refusal("channel.unknown")
    return found[0]


def _show_channels(channels: list[ChannelOut], as_json: bool) -> None:
    if as_json:
        print_json(channels)
        return
    rows = [
        (one.name, one.kind, one.place, " ".join(one.topics) or "*", one.unit or "*", one.hours, one.detail,
         "disabled" if one.is_disabled else "")
        for one in channels
    ]  # fmt: skip
    print_table("", ["channel", "kind", "place", "topics", "unit", "hours", "detail", ""], rows, "No channels yet.")
