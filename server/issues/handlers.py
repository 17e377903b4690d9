"""Issues over HTTP. A verb is a resource: signing an issue is POST /v1/issues/{issue}/signature. The routes are made from the
table of verbs, each with its own body, so that the table and the door cannot differ."""

from datetime import datetime
from inspect import Parameter, Signature
from typing import Annotated, Any

from litestar import Request, Response, Router, get, post, put
from litestar.params import FromPath, FromQuery, JSONBody, QueryParameter

from server.door import once
from server.issues.actions import letters_at, move_issue, replace_letters
from server.issues.drafts.handlers import HANDLERS as DRAFTS
from server.issues.duty.handlers import HANDLERS as DUTY
from server.issues.joining.bulk import Merged, MergeMany, merge_issues
from server.issues.joining.cases import AnswerAll, Common, NewCommon, answer_all, open_common
from server.issues.joining.rejections import Rejection, list_rejections
from server.issues.labels.handlers import HANDLERS as LABELS
from server.issues.machine.handlers import HANDLERS as MACHINE
from server.issues.policies.handlers import HANDLERS as POLICIES
from server.issues.queue.detail import IssueOut, show_issue
from server.issues.queue.listing import Queue, list_queue
from server.issues.queue.wanted import KINDS, check_names, wanted_from
from server.issues.redating.handlers import HANDLERS as CALENDAR
from server.issues.states import VERBS, Verb
from server.issues.steps.letters import Letter
from server.paging import LIMIT_DEFAULT
from server.refusals import refusal

ELSEWHERE = {"call_back"}
"""Verbs whose door is another concept's."""
PAGING: dict[str, tuple[type, Any]] = {"sort": (str, "due"), "after": (str, ""), "limit": (int, LIMIT_DEFAULT)}
ASIDE = "wanted_"
"""Before the names of filters in code: the framework keeps some of them for itself."""


async def list_issues(request: Request[Any, Any, Any], sort: str, after: str, limit: int, **given: Any) -> Queue:
    """Filters hold together; several values of one (repeated, or with commas) stand for each other."""
    check_names(request.query_params.keys(), also=PAGING)
    asked = {name.removeprefix(ASIDE): value for name, value in given.items() if value is not None}
    return await list_queue(request.user, wanted_from(asked), sort=sort, after=after, limit=limit)


def listing() -> Any:
    """The route with a parameter for every filter there is, so that the door and the vocabulary cannot differ."""
    kinds: dict[Any, Any] = {bool | None: bool | None, str: str | None, datetime | None: datetime | None}
    parameters = [Parameter("request", Parameter.KEYWORD_ONLY, annotation=Request[Any, Any, Any])]
    for name, (kind, default) in PAGING.items():
        paging: Any = FromQuery[kind]  # type: ignore[valid-type, misc]
        parameters.append(Parameter(name, Parameter.KEYWORD_ONLY, annotation=paging, default=default))
    for name, kind in KINDS.items():
        annotation: Any = Annotated[kinds.get(kind, list[str] | None), QueryParameter(name=name)]  # type: ignore[valid-type]
        parameters.append(Parameter(ASIDE + name, Parameter.KEYWORD_ONLY, annotation=annotation, default=None))

    async def handler(**given: Any) -> Queue:
        return await list_issues(**given)

    handler.__name__, handler.__doc__ = "list_issues", list_issues.__doc__
    handler.__signature__ = Signature(parameters, return_annotation=Queue)  # type: ignore[attr-defined]
    handler.__annotations__ = {one.name: one.annotation for one in parameters} | {"return": Queue}
    return get("/issues")(handler)


@get("/issues/{issue:str}")
async def get_issue(request: Request[Any, Any, Any], issue: FromPath[str]) -> Response[IssueOut]:
    shown = await show_issue(request.user, issue)
    return Response(shown, headers={"ETag": f'"{shown.n}"'})


@post("/issues/{issue:str}/merges", summary="批量并案 merge several into this one")
async def post_merges(request: Request[Any, Any, Any], issue: FromPath[str], data: JSONBody[MergeMany]) -> list[Merged]:
    return await once(request, request.user, lambda: merge_issues(request.user, issue, data))  # type: ignore[return-value]


@get("/link-rejections", summary="已否定的关联 pairs judged to be two matters")
async def get_rejections(request: Request[Any, Any, Any], issue: FromQuery[str] = "") -> list[Rejection]:
    """The latest two hundred that still hold, or those of one issue. Linking the report by hand takes one back."""
    return await list_rejections(request.user, issue)


@post("/common-problems", summary="登记共性问题 open a common problem")
async def post_common(request: Request[Any, Any, Any], data: JSONBody[NewCommon]) -> Common:
    return await once(request, request.user, lambda: open_common(request.user, data))  # type: ignore[return-value]


@post("/issues/{issue:str}/answers", summary="共性答复 give the answer of a common problem to all below it")
async def post_answers(
    request: Request[Any, Any, Any], issue: FromPath[str], data: JSONBody[AnswerAll]
) -> list[Merged]:
    return await once(request, request.user, lambda: answer_all(request.user, issue, data))  # type: ignore[return-value]


@get("/letters")
async def get_letters(request: Request[Any, Any, Any], at: FromQuery[datetime | None] = None) -> list[Letter]:
    """Those in force now, or `at` a moment with its time zone."""
    return await letters_at(request.user, at)


@put("/letters")
async def put_letters(request: Request[Any, Any, Any], data: JSONBody[list[Letter]]) -> list[Letter]:
    return await once(request, request.user, lambda: replace_letters(request.user, data))  # type: ignore[return-value]


def seen_by(request: Request[Any, Any, Any], base: int | None) -> int | None:
    """The line of the timeline the desk had seen last, from `?base=7` or `If-Match: "7"`. Raises `request.malformed`."""
    match = request.headers.get("if-match", "*").strip().removeprefix("W/").strip('"')
    if match == "*":
        return base
    if not (match.isascii() and match.isdigit() and len(match) < 10):
        raise refusal("request.malformed", reason='If-Match takes the "n" of the issue as it was seen')
    return int(match)


def route_for(verb: Verb) -> Any:
    async def handler(
        request: Request[Any, Any, Any],
        issue: FromPath[str],
        data: JSONBody[verb.fields],  # type: ignore[name-defined]
        base: FromQuery[int | None] = None,
    ) -> IssueOut:
        seen = seen_by(request, base)

        async def work() -> IssueOut:
            moved = await move_issue(request.user, issue, verb.name, data, base=seen)
            return await show_issue(request.user, moved.id)

        return await once(request, request.user, work)  # type: ignore[return-value]

    handler.__name__ = f"{verb.name}_issue"
    return post(f"/issues/{{issue:str}}/{verb.route}", status_code=201, summary=f"{verb.zh} {verb.en}")(handler)


router = Router(
    "/v1",
    route_handlers=[
        listing(), get_issue, post_merges, get_rejections, post_common, post_answers, get_letters, put_letters,
        *CALENDAR, *DRAFTS, *DUTY, *LABELS,
        *POLICIES, *MACHINE,
        *(route_for(verb) for verb in VERBS.values() if verb.route and verb.name not in ELSEWHERE),
    ],
    tags=["issues"],
)  # fmt: skip
