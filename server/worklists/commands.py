"""`qifang list …`."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import parse_qs
from uuid import UUID

import click

from server.console import bureau_option, console_actor, json_option, out, print_json, print_table, run
from server.worklists.actions import Count, ListOut, NewList, count_lists, delete_list, find_list, lists_of, save_list
from server.worklists.rows import Rows, csv_of, show_rows
from server.worklists.tables import BUREAU


@click.group("list")
def worklist() -> None:
    """Lists of the queue: filters, columns and an order under a name."""


@worklist.command("ls")
@bureau_option
@json_option
def list_ls(bureau: str, as_json: bool) -> None:
    """Every list there is for the console, with how many issues it holds.

    \b
    Example: qifang list ls
    """

    async def work() -> tuple[list[ListOut], list[Count]]:
        actor = await console_actor(bureau)
        return await lists_of(actor), await count_lists(actor)

    lists, counts = run(work)
    if as_json:
        print_json({"lists": lists, "counts": counts})
        return
    shown = [(one.id, one.name, _count(count), one.sort) for one, count in zip(lists, counts, strict=True)]
    print_table("", ["list", "name", "issues", "order"], shown, "There is no list.")


def _count(count: Count) -> str:
    if count.count is None:
        return count.code
    return str(count.count) if count.is_exact else f"{count.count - 1}+"


@worklist.command("show")
@click.argument("named")
@click.option("--limit", default=50, show_default=True)
@click.option("--csv", "file", type=click.Path(dir_okay=False, path_type=Path), help="Write all of it to this file.")
@bureau_option
@json_option
def list_show(named: str, limit: int, file: Path | None, bureau: str, as_json: bool) -> None:
    """Show the issues of a list by its code, id or name.

    \b
    Example: qifang list show red
             qifang list show untriaged_late --csv late.csv
    """

    async def work() -> Rows | None:
        actor = await console_actor(bureau)
        if file is None:
            return await show_rows(actor, named, limit=limit)
        one = await find_list(actor, named)
        with file.open("wb") as target:
            async for piece in csv_of(actor, one):
                target.write(piece)
        return None

    rows = run(work)
    if rows is None:
        out.print(f"written to {file}")
    elif as_json:
        print_json(rows)
    else:
        lines = [[str(value)[:40] if value is not None else "" for value in row.values()] for row in rows.rows]
        print_table(named, [column.zh for column in rows.columns], lines, "The list is empty.")


@worklist.command("save")
@click.argument("name")
@click.option("--filters", default="", help="As in an address: state=open&unit=finance&due=this_week")
@click.option("--columns", default="", help="Names with commas; those of the ledger when left out.")
@click.option("--sort", default="due", show_default=True)
@click.option("--shared", default=BUREAU, show_default=True, help="private, unit, role or bureau.")
@click.option("--with", "shared_with", default="", help="Code of the unit, or the role.")
@bureau_option
@json_option
def list_save(
    name: str, filters: str, columns: str, sort: str, shared: str, shared_with: str, bureau: str, as_json: bool
) -> None:
    """Keep a list for everybody.

    \b
    Example: qifang list save 本周到期 --filters "due=this_week&unit=finance" --columns number,title,lead,due
    """

    async def work() -> ListOut:
        new = NewList(
            name=name, sort=sort, shared=shared, shared_with=shared_with,
            filters=_filters(filters),
            columns=[column.strip() for column in columns.split(",") if column.strip()],
        )  # fmt: skip
        return await save_list(await console_actor(bureau), new)

    saved = run(work)
    if as_json:
        print_json(saved)
    else:
        out.print(f"{saved.name}  {saved.id}")


def _filters(text: str) -> dict[str, object]:
    """One value stands alone, several are a list."""
    return {name: values[0] if len(values) == 1 else values for name, values in parse_qs(text).items()}


@worklist.command("delete")
@click.argument("list_id", type=click.UUID)
@bureau_option
def list_delete(list_id: UUID, bureau: str) -> None:
    """Delete a list the console has saved.

    \b
    Example: qifang list delete 01999f3a-…
    """

    async def work() -> None:
        await delete_list(await console_actor(bureau), list_id)

    run(work)
    out.print("deleted")
