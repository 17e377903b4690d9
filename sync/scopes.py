"""Named groups of rows, and who holds them: the only thing that decides what a phone may see."""

from collections.abc import Iterable
from uuid import UUID

from sync.bulk import among
from sync.bulk import ids as json_ids
from sync.feed import FLUSH_ORDER, GrantChange, flush
from sync.transaction import defer, fetch


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
    """The scopes this person holds now; changes of an open transaction count once it has committed."""
    found = await fetch(
        "SELECT scope FROM sync_grant WHERE bureau = $1 AND person = $2 AND revoked IS NULL", [bureau, person]
    )
    return {row["scope"] for row in found}


async def holders_of(bureau: UUID, scope: str) -> set[UUID]:
    """The persons who hold this scope now."""
    found = await fetch(
        "SELECT person FROM sync_grant WHERE bureau = $1 AND scope = $2 AND revoked IS NULL", [bureau, scope]
    )
    return {row["person"] for row in found}


async def visible_ids(bureau: UUID, person: UUID, kind: str, ids: Iterable[UUID]) -> set[UUID]:
    """Which of these rows are in a scope this person holds, by what has been committed."""
    found = await fetch(
        "SELECT DISTINCT sync_feed.id AS id FROM sync_feed JOIN sync_grant"
        " ON sync_grant.bureau = sync_feed.bureau AND sync_grant.scope = sync_feed.scope"
        " AND sync_grant.person = $2 AND sync_grant.revoked IS NULL"
        f" WHERE sync_feed.bureau = $1 AND sync_feed.kind = $3 AND sync_feed.id {among(4)}"
        " AND sync_feed.op = 'put'",
        [bureau, person, kind, json_ids(ids)],
    )
    return {row["id"] for row in found}
