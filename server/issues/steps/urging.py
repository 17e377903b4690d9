"""What supervisors do about an issue that does not get on: urge (催办), and supervise (督办) with a day to answer by."""

from __future__ import annotations

from datetime import date

from server.issues.steps.step import Step
from server.refusals import refusal
from server.settings import settings


def must_come(step: Step, days: list[date]) -> None:
    today = step.at.astimezone(settings.timezone).date()
    for day in days:
        if day < today:
            raise refusal("issue.milestone_past", day=day, today=today)


async def urge(step: Step) -> None:
    _must_be_led(step)


async def supervise(step: Step) -> None:
    _must_be_led(step)
    must_come(step, [step.fields.answer_by])


async def answer_supervision(step: Step) -> None:
    asked, answer = step.last("supervise"), step.last("answer_supervision")
    if asked is None or (answer is not None and answer.n > asked.n):
        raise refusal("issue.not_supervised", number=step.issue.number)


def _must_be_led(step: Step) -> None:
    if step.issue.lead is None:
        raise refusal("issue.nobody_to_urge", number=step.issue.number)
