"""The description of the interface: a valid OpenAPI 3.1 document in which every address says what it is for and how it refuses."""

import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from server.refusing import refusals_of, statuses
from tests.server.test_issues import filed, report

pytestmark = pytest.mark.anyio
METHODS = {"get", "post", "put", "patch", "delete", "head"}


async def described(donghu):
    answer = await donghu.door.get("/schema/openapi.json")
    assert answer.status_code == 200
    return answer.json()


def operations(schema):
    for path, methods in schema["paths"].items():
        for method, operation in methods.items():
            if method in METHODS:
                yield path, method, operation


async def test_the_description_is_a_valid_openapi_3_1_document(donghu):
    schema = await described(donghu)
    assert schema["openapi"].startswith("3.1")
    assert [str(error.message)[:200] for error in OpenAPIV31SpecValidator(schema).iter_errors()] == []


async def test_every_address_says_what_it_is_for_what_it_takes_and_how_it_refuses(donghu):
    schema = await described(donghu)
    silent = []
    for path, method, operation in operations(schema):
        good = [status for status in operation["responses"] if status < "400"]
        bad = [operation["responses"][status] for status in operation["responses"] if status >= "400"]
        problems = all("application/problem+json" in one["content"] for one in bad)
        if path.startswith("/open311"):
            continue  # the standard has an error format of its own
        if not operation.get("summary") or not good or not bad or not problems:
            silent.append((path, method))
    assert silent == []


async def test_what_an_address_refuses_is_documented_with_its_status(donghu):
    schema = await described(donghu)
    (number,) = await filed(donghu, report(donghu))
    issue = {"issue": number}
    for member, method, path, body in (
        (donghu.he, "post", "/v1/issues/{issue}/signature", {}),
        (donghu.lin, "post", "/v1/issues/{issue}/dispatch", {"lead": "nowhere"}),
        (donghu.lin, "post", "/v1/issues/{issue}/dispatch", {"policy": "nothing", "lead": "finance"}),
        (donghu.lin, "post", "/v1/issues/{issue}/merge", {"into": number, "reason": "x"}),
        (donghu.lin, "post", "/v1/issues/{issue}/dispatch", {"lead": 1}),
        (donghu.qian, "post", "/v1/issues/{issue}/callbacks", {"reached": "reached"}),
        (donghu.lin, "post", "/v1/reports", {"title": "x", "description": "y", "source": "nowhere"}),
        (donghu.he, "post", "/v1/reports", {"title": "x", "description": "y", "source": "hotline"}),
        (donghu.door, "get", "/v1/issues", None),
        (donghu.lin, "get", "/v1/issues", {"light": "purple"}),
    ):
        client = getattr(member, "client", member)
        place = {"params": body} if method == "get" else {"json": body}
        answer = await client.request(method, path.format(**issue), **place)
        assert answer.status_code >= 400, (path, answer.text)
        told = schema["paths"][path][method]["responses"].get(str(answer.status_code), {"content": {}})
        examples = told["content"].get("application/problem+json", {"examples": {}})["examples"]
        assert answer.json()["code"] in examples, (path, answer.json()["code"], sorted(examples))


def test_every_refusal_that_the_code_can_make_has_a_status():
    told = refusals_of([("server.enterprises.lists.actions", "import_enterprises")])
    assert {"import.too_large", "import.encoding", "permission.missing"} <= told
    assert told <= set(statuses())
