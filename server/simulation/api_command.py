"""`qifang api`: ask the running server over HTTP as one of its persons, from a script or while learning the API."""

from __future__ import annotations

from typing import Any

import click
import httpx
import msgspec

from server.audit.actions import record_event
from server.console import EXIT_REFUSED, bureau_option, run
from server.people.actions import find_bureau, load_actor
from server.people.tables import Person
from server.refusals import refusal
from server.sessions.actions import open_session_of
from server.settings import settings
from sync.transaction import transaction

TIMEOUT_SECONDS = 60


@click.command("api")
@click.argument("method", type=click.Choice(["GET", "POST", "PUT", "PATCH", "DELETE"], case_sensitive=False))
@click.argument("path")
@click.option("--as", "login", default="", help="Login of the person to ask as; nobody when left out.")
@click.option(
    "-f", "--field", "fields", multiple=True, metavar="NAME=VALUE", help="One field of the body; JSON or text."
)
@click.option("--body", type=click.File("rb"), default=None, help="A JSON file as the body.")
@click.option("--pick", default="", metavar="a.0.b", help="Print only this part of the answer.")
@bureau_option
def api(method: str, path: str, login: str, fields: tuple[str, ...], body: Any, pick: str, bureau: str) -> None:
    """Ask the running server as a person, without their password: whoever may read the server's files may do so.

    --pick walks into the answer: a name, a place in a list, or name=value for the first of a list that has it.

    \b
    Examples:
      qifang api GET /v1/issues --as lin --pick items.0.number
      qifang api GET /v1/persons --as chen --pick login=zhou.id
      qifang api POST /v1/units --as admin -f code=tax -f name=区税务局
    """
    headers = {"Accept": "application/json"}
    if login:
        headers["Authorization"] = f"Bearer {run(lambda: _token(bureau, login))}"
    content = body.read() if body else _body(fields) if fields or method.upper() in ("POST", "PUT", "PATCH") else None
    if content is not None:
        headers["Content-Type"] = "application/json"
    try:
        answer = httpx.request(
            method, f"{settings.address}/{path.lstrip('/')}", headers=headers, content=content, timeout=TIMEOUT_SECONDS
        )
    except httpx.TransportError as error:
        raise click.ClickException(
            f"{settings.address} does not answer ({error}); is `qifang serve` running?"
        ) from None
    show(answer, pick)


def show(answer: httpx.Response, pick: str) -> None:
    """Prints what came: JSON for people, anything else (a list, a workbook) as it is. Ends with exit code 1 on a refusal."""
    if "json" not in answer.headers.get("content-type", ""):
        click.echo(
            f"{answer.status_code} {answer.reason_phrase}" if answer.is_error else answer.content, err=answer.is_error
        )
        if answer.is_error:
            raise SystemExit(EXIT_REFUSED)
        return
    value: Any = msgspec.json.decode(answer.content) if answer.content else None
    if answer.is_error:
        click.echo(f"{answer.status_code} {value['code']}: {value['title']} / {value['detail']}", err=True)
        raise SystemExit(EXIT_REFUSED)
    picked = _pick(value, pick)
    click.echo(picked if isinstance(picked, str) else msgspec.json.format(msgspec.json.encode(picked)).decode())


async def _token(bureau_code: str, login: str) -> str:
    bureau = await find_bureau(bureau_code)
    person = await Person.objects().get((Person.bureau == bureau.id) & (Person.login == login))
    if person is None:
        raise refusal("person.unknown")
    async with transaction():
        await record_event(await load_actor(bureau.id, person.id), "session.console", "person", person.id, {})
        return await open_session_of(bureau.id, person.id, by_console=True)


def _body(fields: tuple[str, ...]) -> bytes:
    """`name=value` pairs as an object; a value that reads as JSON is that, anything else is text."""
    content: dict[str, Any] = {}
    for field in fields:
        name, separator, text = field.partition("=")
        if not separator:
            raise click.BadParameter(f"{field}: write NAME=VALUE")
        try:
            content[name] = msgspec.json.decode(text.encode())
        except msgspec.DecodeError:
            content[name] = text
    return msgspec.json.encode(content)


def _pick(value: Any, path: str) -> Any:
    for step in filter(None, path.split(".")):
        name, equals, wanted = step.partition("=")
        try:
            if isinstance(value, list):
                value = next(item for item in value if str(item[name]) == wanted) if equals else value[int(step)]
            else:
                value = value[step]
        except (KeyError, IndexError, ValueError, TypeError, StopIteration):
            raise click.ClickException(f"the answer has no {path}") from None
    return value
