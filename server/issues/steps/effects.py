"""What a verb does beside moving the issue, and what it must not do: one short function per verb that needs one."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import date, timedelta

import msgspec

from server.clocks.due import Due
from server.clocks.policies.actions import editions_of
from server.issues.drafts.submitting import submit
from server.issues.duty.choosing import reassign
from server.issues.duty.route import route_of
from server.issues.joining.links import confirm_link, link_report, reject_link, unlink_report
from server.issues.joining.merging import join, leave, merge, unmerge
from server.issues.joining.splitting import split
from server.issues.states import REOPEN_DAYS
from server.issues.steps.choices import choose_again, is_named, kept_choice
from server.issues.steps.dues import dues_of, measure_of, policy_of
from server.issues.steps.letters import define_letter
from server.issues.steps.levels import raise_one_level
from server.issues.steps.parts import answer_co, ask_co, must_have_parts, sign_part
from server.issues.steps.replies import store_replies
from server.issues.steps.step import HANDLING, Effect, Step, must_differ, set_units, units_named
from server.issues.steps.urging import answer_supervision, must_come, supervise, urge
from server.issues.tables import Issue
from server.people.tables import Person
from server.refusals import refusal
from server.routing.taxonomy.actions import must_be_in_use
from server.settings import settings
from server.worktime.actions import calendar_of
from server.worktime.calendar import WorkCalendar

REDOS_BEFORE_ESCALATION = 2
RETURN_WORKING_DAYS = 1
"""A unit says that an issue is not its own within this many working days after dispatch."""

Guard = Callable[[Issue], Awaitable[None]]
_guards: list[Guard] = []


def before_closing(guard: Guard) -> None:
    """Have `guard(issue)` refuse a closing that must wait for something."""
    if guard not in _guards:
        _guards.append(guard)


async def dispatch(step: Step) -> None:
    fields, issue = step.fields, step.issue
    if fields.category:
        await must_be_in_use(issue.bureau, fields.category)
    route = await route_of(issue, fields.category)
    lead, co = fields.lead or route.lead, list(fields.co or ([] if fields.lead else route.co))
    if not lead:
        raise refusal("issue.no_lead", why=route.why_zh, why_en=route.why_en)
    policies = await editions_of(issue.bureau) if fields.policy else {}
    if fields.policy and fields.policy not in policies:
        raise refusal("issue.policy", policy=fields.policy, policies=sorted(policies))
    units = await units_named(issue.bureau, [lead, *co, *fields.split])
    await set_units(step, units[lead], [units[code] for code in co], [units[code] for code in fields.split])
    issue.desk = step.actor.unit
    before = (issue.category, issue.urgency)
    issue.category, issue.urgency = fields.category or issue.category, fields.urgency or issue.urgency
    if fields.policy:
        issue.policy = fields.policy
    elif before != (issue.category, issue.urgency) and not is_named(step.timeline):
        choice = await choose_again(issue)
        step.kept |= kept_choice(choice, moves=choice.policy != issue.policy)
        issue.policy = choice.policy
    issue.forced = fields.forced or issue.returns > 0
    step.kept |= {"lead": lead, "co": co, "forced": issue.forced}
    if not fields.lead:
        step.kept |= {"routing": route.version, "why": route.why_zh}


async def assign(step: Step) -> None:
    fields = step.fields
    units = await units_named(step.issue.bureau, [fields.lead, *fields.co, *fields.split])
    await set_units(
        step, units[fields.lead], [units[code] for code in fields.co], [units[code] for code in fields.split]
    )
    step.issue.desk = step.actor.unit


async def request_return(step: Step) -> None:
    issue = step.issue
    await units_named(issue.bureau, [step.fields.suggested_unit])
    if issue.forced:
        raise refusal("issue.return_forced")
    dispatched = step.last("dispatch")
    if dispatched is not None:
        calendar = await calendar_of(issue.bureau)
        start = dispatched.counts_at.astimezone(settings.timezone).date()
        until = calendar.add_working_days(start, RETURN_WORKING_DAYS)
        if step.counts_at.astimezone(settings.timezone).date() > until:
            raise refusal("issue.return_late", until=until)


async def decide_return(step: Step) -> None:
    step.issue.returns += 1
    if step.outcome == "granted":
        await set_units(step, None)
    else:
        step.issue.forced = True


async def wait_for_enterprise(step: Step) -> None:
    measure = await measure_of(step.issue.bureau)
    rules = policy_of(step.timeline, measure.editions, step.at).rules
    if step.issue.waits >= rules.waits_max:
        raise refusal("issue.wait_used", limit=rules.waits_max, used=step.issue.waits)
    step.issue.waits += 1


async def sign(step: Step) -> None:
    """From now on the unit that signed has the contact with the enterprise; until now whoever received it first had (首接负责)."""
    step.issue.contact = step.issue.lead


async def note(step: Step) -> None:
    """A note by the lead unit is progress; a bystander's is not."""
    if step.issue.lead in step.actor.units("issue.reply"):
        step.kept["progress"] = True


async def reply(step: Step) -> None:
    await must_have_parts(step)
    await give_answer(step)


async def give_answer(step: Step) -> None:
    step.issue.letter_definition = await define_letter(step.issue.bureau, step.fields.letter)
    step.issue.letter = step.fields.letter
    step.kept["letter_definition"] = step.issue.letter_definition
    await store_replies(step)


async def call_back(step: Step) -> None:
    must_differ(step, *HANDLING)
    if step.outcome == "redo":
        await _redo(step)


async def reopen(step: Step) -> None:
    closed_at = step.issue.closed_at
    if closed_at is not None and step.at > closed_at + timedelta(days=REOPEN_DAYS):
        raise refusal("issue.reopen_late", days=REOPEN_DAYS)
    await _redo(step)


async def _redo(step: Step) -> None:
    """A second redo goes up by itself. What never had a unit (solved on site) gets the one the matrix names, if any."""
    issue = step.issue
    issue.redos += 1
    if issue.redos >= REDOS_BEFORE_ESCALATION:
        await raise_one_level(step)
    if issue.lead is None:
        route = await route_of(issue)
        if route.lead:
            units = await units_named(issue.bureau, [route.lead, *route.co])
            await set_units(step, units[route.lead], [units[code] for code in route.co])
            step.kept["lead"] = route.lead


async def close(step: Step) -> None:
    must_differ(step, *HANDLING, "call_back")
    for guard in _guards:
        await guard(step.issue)
    letter = step.fields.letter or step.issue.letter
    if letter:
        step.issue.letter_definition = await define_letter(step.issue.bureau, letter)
        step.issue.letter = letter
    elif step.issue.state != "ON_SITE_CLOSED":
        raise refusal("issue.letter", letter="-", letters="A–D")
    step.kept |= {"letter": step.issue.letter, "letter_definition": step.issue.letter_definition}


async def request_extension(step: Step) -> None:
    """Before the date, so many times, each so long as the policy says."""
    issue, fields = step.issue, step.fields
    measure = await measure_of(issue.bureau)
    rules = policy_of(step.timeline, measure.editions, step.at).rules
    if issue.ext_requested:
        raise refusal("issue.extension_open")
    if issue.extensions >= rules.extensions_max:
        raise refusal("issue.extension_used", limit=rules.extensions_max, used=issue.extensions)
    dues = dues_of(step.timeline, measure, step.at)
    due = next((one for one in dues if one.clock == fields.clock and one.ended_at is None), None)
    if due is None or due.day is None:
        raise refusal("issue.extension_clock", clock=fields.clock)
    asked = step.counts_at.astimezone(settings.timezone).date()
    last = measure.calendar.add_working_days(due.day, -rules.extension_notice)
    longest = _longest(due, due.day, rules.extension_percent, measure.calendar)
    details = {"due": due.day, "longest": longest, "asked_until": fields.until, "original": due.original_day}
    if asked > last:
        raise refusal("issue.extension_late", last=last, due=due.day, notice=rules.extension_notice)
    if not due.day < fields.until <= longest:
        raise refusal("issue.extension_length", percent=rules.extension_percent, **details)
    issue.ext_requested = True


def _longest(due: Due, day: date, percent: int, calendar: WorkCalendar) -> date:
    """The last day an extension may reach: the length of the limit itself again, or the part of it the policy grants."""
    started = due.started_at.astimezone(settings.timezone).date()
    length = calendar.working_days_between(started, due.original_day)
    return calendar.add_working_days(day, max(1, length * percent // 100))


async def decide_extension(step: Step) -> None:
    issue = step.issue
    asked = step.last("request_extension")
    if not issue.ext_requested or asked is None:
        raise refusal("issue.extension_none")
    wanted = msgspec.json.decode(asked.fields)
    issue.ext_requested = False
    if step.outcome == "granted":
        issue.extensions += 1
        calendar = await calendar_of(issue.bureau)
        step.kept |= {
            "clock": wanted["clock"],
            "until": calendar.on_or_after(date.fromisoformat(wanted["until"])).isoformat(),
        }


async def escalate(step: Step) -> None:
    issue, login = step.issue, step.fields.owner
    owner = await Person.objects().get((Person.bureau == issue.bureau) & (Person.login == login)) if login else None
    if login and (owner is None or owner.disabled_at is not None):
        raise refusal("person.unknown", login=login)
    issue.escalated = True
    issue.escalation_owner = owner.id if owner is not None else None
    if owner is not None:
        step.kept["owner_name"] = owner.name


async def settle_escalation(step: Step) -> None:
    step.issue.escalated, step.issue.escalation_owner = False, None


async def put_on_account(step: Step) -> None:
    must_come(step, [step.fields.milestone_on, *(milestone.on for milestone in step.fields.milestones)])


async def review_account(step: Step) -> None:
    must_come(step, [step.fields.milestone_on, *(milestone.on for milestone in step.fields.milestones)])


async def exclude(step: Step) -> None:
    if step.issue.excluded:
        raise refusal("issue.excluded", number=step.issue.number, reason=step.issue.exclusion)
    step.issue.excluded, step.issue.exclusion = True, step.fields.reason


async def include(step: Step) -> None:
    if not step.issue.excluded:
        raise refusal("issue.included", number=step.issue.number)
    step.issue.excluded, step.issue.exclusion = False, ""


EFFECTS: dict[str, Effect] = {
    effect.__name__: effect
    for effect in (
        reassign,
        dispatch, assign, request_return, decide_return, ask_co, sign_part, answer_co, sign, wait_for_enterprise, note, reply, call_back,
        reopen, close, request_extension, decide_extension, escalate, settle_escalation, put_on_account, review_account, exclude,
        include, urge, supervise, answer_supervision,
        merge, unmerge, split, join, leave, link_report, confirm_link, reject_link, unlink_report, submit,
    )
}  # fmt: skip
EFFECTS["record_reply"] = reply
EFFECTS["adopt_answer"] = give_answer
