"""Named groups of rows, and who holds them: the only thing that decides what a phone may see."""

from collections.abc import Iterable
from uuid import UUID

from sync.bulk import among, ids, texts
from sync.feed import FLUSH_ORDER, GrantChange, flush
from sync.operations import kind_of
from sync.transaction import defer, deferred, fetch, is_postgres


def person_scope(person: UUID) -> str:
    """The scope every person holds from enrolment on."""
    return f"person:{person}"


def grant(bureau: UUID, person: UUID, scope: str) -> None:
    """Let this person's phones have the scope's rows, from this transaction's commit on. Granting twice is once."""
    defer(flush, GrantChange(bureau, person, scope, True), order=FLUSH_ORDER)


def revoke(bureau: UUID, person: UUID, scope: str) -> None:
    """Take the scope away; phones drop what no other scope of theirs holds, save unsent work."""
    defer(flush, GrantChange(bureau, person, scope, False), order=FLUSH_ORDER)


async def scopes_of(bureau: UUID, person: UUID) -> set[str]:
    """The scopes this person holds now, with what the open transaction has granted and revoked."""
    found = await fetch(
        "SELECT scope FROM sync_grant WHERE bureau = $1 AND person = $2 AND revoked IS NULL", [bureau, person]
    )
    held = {row["scope"] for row in found}
    for change in deferred(flush, order=FLUSH_ORDER):
        if isinstance(change, GrantChange) and (change.bureau, change.person) == (bureau, person):
            (held.add if change.is_grant else held.discard)(change.scope)
    return held


async def holders_of(bureau: UUID, scope: str) -> set[UUID]:
    """The persons who hold this scope now."""
    found = await fetch(
        "SELECT person FROM sync_grant WHERE bureau = $1 AND scope = $2 AND revoked IS NULL", [bureau, scope]
    )
    return {row["person"] for row in found}


async def visible_ids(bureau: UUID, person: UUID, kind: str, wanted: Iterable[UUID]) -> set[UUID]:
    """Which of these rows are in a scope this person holds, as things stand inside this transaction."""
    held = await scopes_of(bureau, person)
    return {id for id, scopes in (await kind_of(kind).scopes(bureau, list(wanted))).items() if scopes & held}


async def last_moves(bureau: UUID, scopes: Iterable[str]) -> dict[str, int]:
    """The number of the last line of each scope; a scope without lines is missing."""
    if is_postgres():
        sql = (
            "SELECT held.scope AS scope, line.seq AS seq FROM unnest($2::text[]) AS held (scope) CROSS JOIN LATERAL ("
            " SELECT seq FROM sync_feed WHERE sync_feed.bureau = $1 AND sync_feed.scope = held.scope"
            " ORDER BY seq DESC LIMIT 1) AS line"
        )
    else:
        sql = (
            "SELECT held.value AS scope, (SELECT max(seq) FROM sync_feed WHERE sync_feed.bureau = $1"
            " AND sync_feed.scope = held.value) AS seq FROM json_each($2) AS held"
        )
    found = await fetch(sql, [bureau, texts(scopes)])
    return {row["scope"]: row["seq"] for row in found if row["seq"] is not None}


async def scopes_of_many(bureau: UUID, persons: set[UUID]) -> dict[UUID, set[str]]:
    scopes: dict[UUID, set[str]] = {person: set() for person in persons}
    found = await fetch(
        f"SELECT person, scope FROM sync_grant WHERE bureau = $1 AND person {among(2)} AND revoked IS NULL",
        [bureau, ids(persons)],
    )
    for row in found:
        scopes[row["person"]].add(row["scope"])
    return scopes


async def regranted_after(bureau: UUID, after: int) -> dict[UUID, int]:
    """Whose grants changed after this number, and at which number they last did."""
    found = await fetch(
        "SELECT person, max(granted) AS granted, max(revoked) AS revoked FROM sync_grant"
        " WHERE bureau = $1 AND (granted > $2 OR revoked > $2) GROUP BY person",
        [bureau, after],
    )
    return {row["person"]: max(row["granted"], row["revoked"] or 0) for row in found}
