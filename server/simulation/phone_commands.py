"""`qifang phone …`: the reference phone at the console. Its store is one file; it works offline like any other phone."""

from __future__ import annotations

import asyncio
import sqlite3
from collections import Counter
from collections.abc import Callable, Coroutine
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar
from uuid import UUID

import click
import httpx
import msgspec

from forms.definition import Form
from forms.evaluate import evaluate, fill
from server.console import EXIT_REFUSED, json_option, out, print_json, print_table
from server.settings import settings
from sync.identity import new_id
from sync.phone import Answered, Offline, OtherPerson, Phone

T = TypeVar("T")
TIMEOUT_SECONDS = 30
store_option = click.option(
    "--store",
    default="phone.db",
    show_default=True,
    type=click.Path(dir_okay=False, path_type=Path),
    help="Its memory.",
)


class CutAfterCommit(httpx.AsyncBaseTransport):
    """Carries the request and loses the answer, as a tunnel does."""

    def __init__(self) -> None:
        self.inner = httpx.AsyncHTTPTransport()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        answer = await self.inner.handle_async_request(request)
        await answer.aread()
        raise httpx.ReadError("the line was cut before the answer came")


def with_phone(
    store: Path, work: Callable[[Phone], Coroutine[Any, Any, T]], *, server: str = "", cut: bool = False
) -> T:
    """Runs `work` with the phone in `store`. No network and a server's no end with one line and exit code 1."""

    async def run() -> T:
        transport = CutAfterCommit() if cut else None
        async with httpx.AsyncClient(timeout=TIMEOUT_SECONDS, transport=transport) as client:
            phone = Phone(store, client, sleep=_no_wait if cut else asyncio.sleep)
            client.base_url = httpx.URL(server or phone.meta("server") or settings.address)
            try:
                return await work(phone)
            finally:
                phone.close()

    try:
        return asyncio.run(run())
    except Offline as offline:
        click.echo(
            f"phone.offline: 没有网络,工作留在队列里 / offline, the work stays in the queue ({offline})", err=True
        )
    except OtherPerson as other:
        raise click.ClickException(
            f"此文件属于另一人,请换一个 --store / the memory {store} is somebody else's, choose another --store ({other})"
        ) from None
    except sqlite3.Error as error:
        raise click.ClickException(f"{store} cannot be the memory of a phone: {error}") from None
    except Answered as no:
        title, detail = no.problem.get("title", ""), no.problem.get("detail", "")
        click.echo(f"{no.code}: {title} / {detail}", err=True)
    raise SystemExit(EXIT_REFUSED)


async def _no_wait(seconds: float) -> None:
    """The line is cut on purpose: waiting would not mend it."""


@click.group()
def phone() -> None:
    """The reference phone: enrol it, fill in forms offline, push and pull.

    \b
    Example:
      qifang phone enrol 7K3M-… --store zhou.phone
      qifang phone pull --store zhou.phone
    """


@phone.command()
@click.argument("code")
@store_option
@click.option("--server", default=settings.address, show_default=True, help="Address of the server.")
def enrol(code: str, store: Path, server: str) -> None:
    """Become a device with a one-time code.

    \b
    Example: qifang phone enrol 7K3MQ2… --store zhou.phone
    """

    async def work(one: Phone) -> str:
        enrolled = await one.enrol(code, "console")
        one.set_meta("server", server)
        return str(enrolled.device)

    out.print(f"device {with_phone(store, work, server=server)}")


@phone.command()
@store_option
@json_option
def pull(store: Path, as_json: bool) -> None:
    """Fetch what changed.

    \b
    Example: qifang phone pull --store zhou.phone
    """

    async def work(one: Phone) -> dict[str, int]:
        await one.pull()
        return _counts(one)

    counts = with_phone(store, work)
    if as_json:
        print_json(counts)
    else:
        print_table("", ["kind", "rows"], sorted(counts.items()), "Nothing is addressed to this phone yet.")


@phone.command()
@click.argument("kind")
@store_option
def show(kind: str, store: Path) -> None:
    """Print the rows of one kind the phone holds, as JSON. Needs no network.

    \b
    Example: qifang phone show issue --store zhou.phone
    """

    async def work(one: Phone) -> dict[UUID, Any]:
        return one.rows(kind)

    print_json([{"id": id} | body for id, body in with_phone(store, work).items()])


@phone.command("fill")
@click.argument("form_id")
@click.argument("answers", type=click.File("rb"))
@store_option
@click.option("--enterprise", default="", help="Credit code or name of the enterprise visited.")
@click.option("--origin", default="visit", show_default=True)
@click.option("--visit", type=click.UUID, default=None, help="Id of the planned visit or symposium it belongs to.")
@click.option("--photo", "photos", multiple=True, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--id", "record", type=click.UUID, default=None, help="Id of the record; a new one when left out.")
def fill_in(
    form_id: str,
    answers: Any,
    store: Path,
    enterprise: str,
    origin: str,
    visit: UUID | None,
    photos: tuple[Path, ...],
    record: UUID | None,
) -> None:
    """Fill in a form from a JSON file and queue the record with its photos. Needs no network.

    \b
    Example: qifang phone fill visit_record answers.json --store zhou.phone --enterprise 913601020000000430
    """
    try:
        given = msgspec.json.decode(answers.read(), type=dict[str, Any])
    except msgspec.DecodeError as error:
        raise click.BadParameter(f"{answers.name} must hold the answers as one JSON object: {error}") from None
    chosen = record or new_id()

    async def work(one: Phone) -> list[Any]:
        body = next((row for row in one.rows("form").values() if row["form_id"] == form_id), None)
        if body is None:
            raise click.ClickException(f"the phone has no form {form_id}; pull first")
        form = msgspec.convert(body["definition"], Form)
        firm = _find_enterprise(one, enterprise) if enterprise else None
        if firm is not None and "enterprise" not in given and any(item.name == "enterprise" for item in form.children):
            given["enterprise"] = str(firm)
        moment = one.clock()
        lists = lists_of(one)
        filled = fill(form, given, now=moment, lists=lists)
        flaws = evaluate(form, filled, now=moment, lists=lists).flaws
        attachments = [_attach(one, chosen, path) for path in photos]
        links = {"enterprise": firm, "visit": visit, "origin": origin, "attachments": attachments}
        _queue(one, chosen, body, filled, moment, links)
        return flaws

    flaws = with_phone(store, work)
    for flaw in flaws:
        out.print(f"{flaw.level:7} {flaw.path}: {flaw.code}")
    out.print(f"record {chosen} waits in the queue")


def _attach(one: Phone, record: UUID, path: Path) -> dict[str, Any]:
    return {"id": one.attach(record, path.name, path.read_bytes()), "name": path.name}


def _queue(
    one: Phone, record: UUID, body: dict[str, Any], answers: Any, moment: datetime, links: dict[str, Any]
) -> None:
    args = {"form": body["form_id"], "version": body["version"], "answers": answers, "filled_at": moment}
    one.do("record.submit", record, args | {name: value for name, value in links.items() if value is not None})


def _find_enterprise(one: Phone, wanted: str) -> UUID:
    for id, row in one.rows("enterprise_name").items():
        if wanted in (row.get("credit_code"), row.get("name"), str(id)):
            return id
    raise click.ClickException(f"the phone knows no enterprise {wanted}; pull first")


def lists_of(one: Phone) -> dict[str, list[dict[str, str]]]:
    """What forms choose from files the server does not publish with them: the phone's own rows, in the columns of those files."""
    labels = {"enterprises": "enterprise_name", "people": "person_name", "issues": "issue", "campaigns": "slot"}
    lists = {name: [_choice(id, row) for id, row in one.rows(kind).items()] for name, kind in labels.items()}
    lists["campaigns"] = [{"name": row["campaign"], "label": row["campaign_name"]} for row in one.rows("slot").values()]
    return lists


def _choice(id: UUID, row: dict[str, Any]) -> dict[str, str]:
    columns = {name: str(value) for name, value in row.items() if isinstance(value, str | int | float)}
    label = f"{row['number']} {row['title']}" if "number" in row else row.get("name", "")
    return columns | {"name": str(id), "label": label, "unit": str(row.get("lead_name") or row.get("unit") or "")}


@phone.command("do")
@click.argument("op")
@click.argument("target")
@click.argument("args", default="{}")
@store_option
def do_operation(op: str, target: str, args: str, store: Path) -> None:
    """Queue any operation on a row (`new` for one it makes); its arguments are JSON. Needs no network.

    \b
    Example: qifang phone do issue.note 0192… '{"text": "已电话联系企业"}' --store zhou.phone
    """

    try:
        row, decoded = new_id() if target == "new" else UUID(target), msgspec.json.decode(args)
    except ValueError as error:
        raise click.BadParameter(f"a row is an id or `new`, arguments are JSON: {error}") from None

    async def work(one: Phone) -> UUID:
        return one.do(op, row, decoded)

    out.print(f"operation {with_phone(store, work)} waits in the queue")


@phone.command()
@store_option
@json_option
@click.option("--cut", is_flag=True, help="Lose the server's answer after it has committed, to see what happens then.")
def push(store: Path, as_json: bool, cut: bool) -> None:
    """Send the queue, then the photos. Safe to repeat.

    \b
    Example: qifang phone push --store zhou.phone
    """

    async def work(one: Phone) -> list[Any]:
        results = await one.push()
        await one.upload_files()
        return results

    results = with_phone(store, work, cut=cut)
    if as_json:
        print_json(results)
    else:
        rows = [(one.id, one.status, "duplicate" if one.duplicate else "", one.code or "") for one in results]
        print_table("", ["operation", "result", "", "code"], rows, "The queue is empty.")


def _counts(one: Phone) -> dict[str, int]:
    return dict(Counter(row["kind"] for row in one.db.execute("SELECT kind FROM row")))
