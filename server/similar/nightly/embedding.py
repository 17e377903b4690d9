"""A model of the bureau's own may judge which reports are alike, instead of shared characters. None is shipped.

`QIFANG_EMBEDDER` names an object as `package.module:name`. A text is given to it once; its vector is kept under the hash of
bureau, model and text, as long as a report that waits has that text.
"""

from __future__ import annotations

import asyncio
from array import array
from collections.abc import Iterable, Sequence
from importlib import import_module
from math import sqrt
from operator import mul
from typing import Protocol, runtime_checkable
from uuid import UUID

from server.settings import settings
from server.similar.tables import TextVector
from sync.identity import named_id
from sync.transaction import transaction

TEXTS_AT_ONCE = 64
FORGOTTEN_AT_ONCE = 500
MARK = b"\x00qv1"
"""Begins every vector that is kept."""


@runtime_checkable
class Embedder(Protocol):
    """`name` with its version stands beside every proposal. A vector has any length, the same for all texts. It is called in a
    thread, never twice at once."""

    name: str

    def embed(self, texts: Sequence[str]) -> Sequence[Sequence[float]]: ...


def load_embedder(named: str | None = None) -> Embedder | None:
    """Raises `SystemExit` with one line when the setting names nothing that embeds."""
    named = settings.embedder if named is None else named
    if not named:
        return None
    module, _, name = named.partition(":")
    try:
        found = getattr(import_module(module), name)
    except (ImportError, AttributeError, ValueError) as error:
        raise SystemExit(f"QIFANG_EMBEDDER={named} cannot be loaded: {error}") from None
    if not isinstance(found, Embedder):
        raise SystemExit(f"QIFANG_EMBEDDER={named} has no name and no embed(texts)")
    return found


async def vectors_of(bureau: UUID, embedder: Embedder, texts: Sequence[str]) -> list[array[float]]:
    """In the order of the texts; those of other texts are forgotten."""
    wanted = [named_id("text_vector", str(bureau), embedder.name, text) for text in texts]
    rows = await TextVector.select(TextVector.id, TextVector.vector).where(TextVector.bureau == bureau)
    known = {UUID(str(row["id"])): kept for row in rows if (kept := _kept(row["vector"])) is not None}
    if spoilt := {UUID(str(row["id"])) for row in rows} - known.keys():
        await _forget(bureau, spoilt)
    missing = list({id: text for id, text in zip(wanted, texts, strict=True) if id not in known}.items())
    for start in range(0, len(missing), TEXTS_AT_ONCE):
        part = missing[start : start + TEXTS_AT_ONCE]
        made = await asyncio.to_thread(embedder.embed, [text for _, text in part])
        fresh = {id: array("f", vector).tobytes() for (id, _), vector in zip(part, made, strict=True)}
        known |= fresh
        async with transaction():
            await TextVector.insert(
                *(TextVector(id=id, bureau=bureau, vector=MARK + vector) for id, vector in fresh.items())
            )
    if gone := known.keys() - set(wanted):
        await _forget(bureau, gone)
    return [array("f", known[id]) for id in wanted]


def _kept(vector: object) -> bytes | None:
    """None for what a backup has brought back as text: a cache is made again, not repaired."""
    if not isinstance(vector, bytes | bytearray | memoryview) or not bytes(vector).startswith(MARK):
        return None
    return bytes(vector)[len(MARK) :]


async def _forget(bureau: UUID, vectors: Iterable[UUID]) -> None:
    many = sorted(vectors)
    async with transaction():
        for start in range(0, len(many), FORGOTTEN_AT_ONCE):
            part = many[start : start + FORGOTTEN_AT_ONCE]
            await TextVector.delete().where(TextVector.bureau == bureau, TextVector.id.is_in(part))


def centred(vectors: Sequence[Sequence[float]]) -> list[list[float]]:
    """Minus their mean and of length one: models put all short texts close to each other."""
    if not vectors:
        return []
    mean = [sum(column) / len(vectors) for column in zip(*vectors, strict=True)]
    moved = [[value - middle for value, middle in zip(vector, mean, strict=True)] for vector in vectors]
    lengths = [sqrt(sum(map(mul, vector, vector))) or 1.0 for vector in moved]
    return [[value / length for value in vector] for vector, length in zip(moved, lengths, strict=True)]


def cosine(one: Sequence[float], other: Sequence[float]) -> float:
    return sum(map(mul, one, other))
