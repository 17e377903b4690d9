"""`qifang issue merge`, `split` and `common`."""

from __future__ import annotations

from uuid import UUID

import click

from server.console import bureau_option, console_actor, json_option, out, print_json, run
from server.issues.actions import move_issue
from server.issues.fields import Split
from server.issues.joining.bulk import Merged, MergeMany, merge_issues
from server.issues.joining.cases import Common, NewCommon, open_common
from server.issues.queue.detail import IssueOut, show_issue

reason_option = click.option("--reason", required=True, help="Why; kept in the timeline.")


@click.command("merge")
@click.argument("into")
@click.argument("issues", nargs=-1, required=True)
@reason_option
@bureau_option
@json_option
def issue_merge(into: str, issues: tuple[str, ...], reason: str, bureau: str, as_json: bool) -> None:
    """Merge ISSUES into the issue INTO, which goes on for all of them.

    \b
    Example: qifang issue merge 东湖-2026-000001 东湖-2026-000002 --reason 同一台变压器
    """

    async def work() -> list[Merged]:
        return await merge_issues(await console_actor(bureau), into, MergeMany(issues=list(issues), reason=reason))

    _print(run(work), as_json)


@click.command("split")
@click.argument("number")
@click.argument("reports", nargs=-1, required=True, type=click.UUID)
@click.option("--title", default="", help="Of the new issue; else that of its first report.")
@reason_option
@bureau_option
@json_option
def issue_split(number: str, reports: tuple[UUID, ...], title: str, reason: str, bureau: str, as_json: bool) -> None:
    """Give REPORTS (ids) of an issue an issue of their own.

    \b
    Example: qifang issue split 东湖-2026-000001 0192f0c2-7d3e-7000-8000-000000000001 --reason 两件事
    """

    async def work() -> IssueOut:
        actor = await console_actor(bureau)
        moved = await move_issue(actor, number, "split", Split(reports=list(reports), title=title, reason=reason))
        return await show_issue(actor, moved.id)

    shown = run(work)
    if as_json:
        print_json(shown)
    else:
        out.print(f"{shown.number} keeps {len(shown.links)} reports")


@click.command("common")
@click.argument("title")
@click.argument("issues", nargs=-1)
@click.option("--words", required=True, help="What they have in common.")
@click.option("--category", default="")
@bureau_option
@json_option
def issue_common(title: str, issues: tuple[str, ...], words: str, category: str, bureau: str, as_json: bool) -> None:
    """Open a common problem TITLE above ISSUES, which keep their numbers and dates.

    \b
    Example: qifang issue common 变压器容量不足 东湖-2026-000001 东湖-2026-000002 --words 同一园区
    """

    async def work() -> Common:
        new = NewCommon(title=title, category=category, issues=list(issues), words=words)
        return await open_common(await console_actor(bureau), new)

    opened = run(work)
    if as_json:
        print_json(opened)
        return
    out.print(f"{opened.number} is open")
    _print(opened.issues, False)


def _print(results: list[Merged], as_json: bool) -> None:
    if as_json:
        print_json(results)
        return
    for one in results:
        out.print(f"{one.issue} {'joined' if one.is_merged else f'stayed: {one.zh} / {one.en}'}")
