"""Reports become issues: one report, one issue, at once. A constant number of statements whatever the number of reports,
because a push of fifty visit records comes through here; that is why this is raw SQL and not the ORM."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from server.audit.actions import record_event
from server.clocks.choosing.actions import choices_in_force
from server.clocks.choosing.rules import choose
from server.clocks.clock import Event
from server.clocks.due import due_dates
from server.clocks.policies.editions import edition_at
from server.issues.steps.choices import kept_choice
from server.issues.steps.dues import due_columns, measure_of
from server.issues.steps.numbers import take_numbers
from server.issues.tables import NEVER
from server.moment import now
from server.people.actor import Actor
from server.records.submission import work_scopes
from server.reports.filed import FiledReport
from server.settings import settings
from server.worktime.actions import keep_calendar
from sync.bulk import among, ids, insert
from sync.feed import touch_new
from sync.identity import kin_id, new_id
from sync.transaction import fetch, transaction

KIND = "issue"
TITLE_MAX = 200
_ISSUE = (
    "number text, id uuid, bureau uuid, state text, state_since timestamptz, title text, category text, urgency text,"
    " policy text, enterprise uuid, person uuid, origin text, forced boolean, ext_requested boolean, escalated boolean,"
    " returns integer, waits integer, extensions integer, redos integer, letter text, letter_definition text,"
    " opened_at timestamptz, triage_due timestamptz, sign_due timestamptz, first_contact_due timestamptz,"
    " reply_due timestamptz, solve_due timestamptz, next_due timestamptz, next_clock text,"
    " yellow_at timestamptz, double_at timestamptz, paused boolean, next_timer_at timestamptz, policy_version integer,"
    " closed_at timestamptz,"
    " events integer, updated_at timestamptz"
)
_EVENT = (
    "id uuid, bureau uuid, issue uuid, n integer, at timestamptz, counts_at timestamptz, verb text, outcome text,"
    " source text, target text, person uuid, unit uuid, fields text, time_mark text"
)
_LINK = "id uuid, bureau uuid, issue uuid, report uuid, enterprise uuid, person uuid, confirmed_by uuid, linked_at timestamptz"


def issue_of(report: UUID) -> UUID:
    """The issue a report opens has an id of its own making, so that opening it twice opens it once."""
    return kin_id(report, KIND)


async def open_reports(actor: Actor, reports: Sequence[FiledReport]) -> list[UUID]:
    """Ids of the issues, in the order of the reports. What is open already stays as it is."""
    opened = [issue_of(report.id) for report in reports]
    wanted = dict(zip(opened, reports, strict=True))
    async with transaction(joins=True):
        known = await fetch(f"SELECT id FROM issue WHERE id {among(1)}", [ids(wanted)])
        fresh = {id: report for id, report in wanted.items() if id not in {UUID(str(row[0])) for row in known}}
        if fresh:
            await _write(actor, fresh)
            scopes = {id: work_scopes(report.person, report.enterprise_shown) for id, report in fresh.items()}
            touch_new(actor.bureau, KIND, scopes)
            for id, report in fresh.items():
                await record_event(actor, "issue.open", KIND, id, {"report": str(report.id)})
    return opened


async def follow_reports(actor: Actor, reports: list[FiledReport]) -> None:
    """Whatever is filed becomes an issue; registered in `server.wiring`."""
    await open_reports(actor, reports)


async def _write(actor: Actor, fresh: dict[UUID, FiledReport]) -> None:
    await keep_calendar(actor.bureau)
    measure = await measure_of(actor.bureau)
    calendar, choices = measure.calendar, await choices_in_force(actor.bureau)
    issues: list[tuple[Any, ...]] = []
    events: list[tuple[Any, ...]] = []
    links: list[tuple[Any, ...]] = []
    known_dues: dict[tuple[datetime, bool, str], dict[str, Any]] = {}
    for id, report in fresh.items():
        at = report.reported_at
        done = report.solved_on_site
        state = "ON_SITE_CLOSED" if done else "SUBMITTED"
        choice = choose(choices, report.category, report.urgency, {report.origin, report.source})
        due = known_dues.get((at, done, choice.policy))
        if due is None:  # a push is received at one moment, so its reports share their dates
            happened = [Event("opened", at), Event("ended", at)] if done else [Event("opened", at)]
            policy = edition_at(measure.editions[choice.policy], at, now(), settings.timezone).policy
            dues = due_dates(happened, policy, calendar, settings.timezone)
            due = known_dues[at, done, choice.policy] = due_columns(dues, calendar, min(at, now()))
            due["policy_version"] = int(policy.version)
        title = (report.title or report.description)[:TITLE_MAX]
        issues.append((
            id, actor.bureau, state, at, title, report.category, report.urgency, choice.policy, report.enterprise_shown,
            report.person, report.origin, False, False, False, 0, 0, 0, 0, "", "", at, due["triage_due"], None, None, None,
            due["solve_due"], due["next_due"] if not done else NEVER, due["next_clock"], due["yellow_at"], due["double_at"], False,
            due["next_timer_at"], due["policy_version"], at if done else None, 1, at,
        ))  # fmt: skip
        outcome = "solved_on_site" if done else ""
        events.append((
            new_id(), actor.bureau, id, 1, at, at, "open", outcome, "", state, report.person, None,
            msgspec.json.encode(kept_choice(choice)).decode(), "",
        ))  # fmt: skip
        links.append((
            new_id(), actor.bureau, id, report.id, report.enterprise_shown, report.person, report.person, at,
        ))  # fmt: skip
    await insert("issue_event", _EVENT, events)
    await insert("issue_link", _LINK, links)
    numbers = await take_numbers(actor.bureau, len(fresh))  # last: other writers wait for it until the commit
    await insert("issue", _ISSUE, [(number, *issue) for number, issue in zip(numbers, issues, strict=True)])
