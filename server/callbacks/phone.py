"""The call-back from the road: a commissioner asks during a visit whether the matter was settled."""

from __future__ import annotations

from server.callbacks.actions import record_callback
from server.callbacks.answers import Answers
from server.issues.phone.operations import occurred, target_of
from server.issues.steps.opening import KIND
from sync.operations import Operation, OperationContext, Outcome, applied, operation


async def call_back(context: OperationContext, one: Operation[Answers]) -> Outcome:
    """What cannot be applied waits whole in quarantine: a call-back's answers are personal and make no note."""
    actor, issue, origin = await target_of(context, one)
    when = occurred(context, one, "call_back", origin)
    row = await record_callback(actor, issue, one.args, id=one.id, occurred=when)
    return applied(callback=str(row.id))


def connect() -> None:
    operation("issue.call_back", args=Answers, kind=KIND)(call_back)
