"""Named groups of rows, and who holds them: the only thing that decides what a phone may see."""

from uuid import UUID

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
    return {UUID(str(row["person"])) for row in found}
