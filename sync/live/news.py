"""One line per commit for whoever waits for it: the bureau, the new head, and which scopes moved.

On PostgreSQL it travels with the commit itself (NOTIFY), to every process; on SQLite, which one process serves, by a call
after the commit. Either may be lost, so whoever listens also looks at the head now and then.
"""

import zlib
from collections.abc import Callable, Iterable
from uuid import UUID

import msgspec

CHANNEL = "qifang_feed"
TEXT_BYTES_MAX = 7_900
"""PostgreSQL carries less than 8,000."""


class News(msgspec.Struct, frozen=True, array_like=True):
    """`scopes` are numbers of scopes, so that a long list fits; `persons` those whose grants changed. None: too many."""

    bureau: UUID
    n: int
    scopes: list[int] | None = None
    persons: list[UUID] | None = None


Hear = Callable[[News], None]
_hearing: set[Hear] = set()
_decoder = msgspec.json.Decoder(News)


def scope_number(scope: str) -> int:
    """Two scopes may share a number: then somebody looks once in vain."""
    return zlib.crc32(scope.encode())


def news_of(bureau: UUID, n: int, scopes: Iterable[str], persons: Iterable[UUID]) -> News:
    full = News(bureau, n, sorted({scope_number(scope) for scope in scopes}), sorted(set(persons)))
    return full if len(encode_news(full)) <= TEXT_BYTES_MAX else News(bureau, n)


def encode_news(news: News) -> str:
    return msgspec.json.encode(news).decode()


def decode_news(text: str) -> News | None:
    """None for what another version of the program says on the same channel."""
    try:
        return _decoder.decode(text)
    except msgspec.DecodeError:
        return None


def hear(told: Hear) -> None:
    """Be told of every commit of this process, in the process; for databases that tell nobody themselves."""
    _hearing.add(told)


def hear_no_more(told: Hear) -> None:
    _hearing.discard(told)


def tell(news: News) -> None:
    for told in list(_hearing):
        told(news)
