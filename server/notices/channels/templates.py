"""Bodies an administrator writes: text with `${places}`, each filled in so that it cannot break out of where it stands."""

from __future__ import annotations

from string import Template
from urllib.parse import quote_plus

import msgspec

from server.refusals import refusal

PLACES = ("id", "topic", "title", "text", "title_en", "text_en", "time", "bureau", "link", "to")
"""What a template may name as `${title}`."""


def check_template(template: str, *, is_json: bool) -> None:
    """Raises `channel.template` for what could not be filled."""
    if not Template(template).is_valid():
        raise _wrong("$")
    for name in Template(template).get_identifiers():
        if name not in PLACES:
            raise _wrong(name)
    fill(template, dict.fromkeys(PLACES, '"x"\n'), is_json=is_json)


def fill(template: str, places: dict[str, str], *, is_json: bool) -> str:
    """The template with its places filled, each escaped for JSON or for a form. Raises `channel.template` when it is not JSON then."""
    if not is_json:
        return Template(template).substitute({name: quote_plus(value) for name, value in places.items()})
    escaped = {name: msgspec.json.encode(value).decode()[1:-1] for name, value in places.items()}
    filled = Template(template).substitute(escaped)
    try:
        msgspec.json.decode(filled)
    except (msgspec.DecodeError, RecursionError):
        raise _wrong("JSON") from None
    return filled


def _wrong(reason: str) -> Exception:
    return refusal("channel.template", reason=reason, places=", ".join(PLACES))
