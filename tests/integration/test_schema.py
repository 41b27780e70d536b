"""The API is called with what its OpenAPI document allows, and with what it forbids.

Whatever comes, no function breaks, and each answer is one that the document tells of. The functions
run in process, behind what API Gateway does before them: it finds the route, checks the token and
takes the request apart.
"""

import base64
import json
import os
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import boto3
import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis import GenerationMode, checks
from schemathesis.specs.openapi import checks as openapi_checks
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from local.servicenow import seed
from tests.conftest import event, invoke
from tests.integration.conftest import connect
from tests.template import ROOT, functions, public

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from starlette.requests import Request

    from local.servicenow import Simulator
    from tests.conftest import Aws

EXAMPLES = int(os.environ.get("EXAMPLES", "12"))
TOKEN = "Bearer good"
# Whose connection the config functions store and delete; all others call as somebody connected.
SETTLER = "22222222-2222-4333-8444-555555555555"


def _endpoint(folder: str) -> "Callable[[Request], Awaitable[Response]]":
    async def endpoint(request: "Request") -> Response:
        if folder not in public() and request.headers.get("authorization") != TOKEN:
            return JSONResponse({"message": "Unauthorized"}, 401)
        payload = _payload(folder, request, await request.body())
        answer = await run_in_threadpool(invoke, folder, payload)
        headers = {name: str(value) for name, value in answer.headers.items()}
        return Response(answer.text, answer.status, headers)

    return endpoint


def _payload(folder: str, request: "Request", body: bytes) -> dict[str, Any]:
    """Return the event that API Gateway makes of a request (payload format version 2.0)."""
    payload = event(folder)
    payload["headers"] = {name.lower(): value for name, value in request.headers.items()}
    payload["rawPath"] = payload["requestContext"]["http"]["path"] = request.url.path
    payload["requestContext"]["http"]["method"] = request.method
    payload["pathParameters"] = {
        name: unquote(str(value)) for name, value in request.path_params.items()
    }
    payload["rawQueryString"] = request.url.query
    payload["queryStringParameters"] = {
        name: ",".join(request.query_params.getlist(name)) for name in request.query_params
    }
    payload.pop("body", None)
    payload["isBase64Encoded"] = False
    if body:
        try:
            payload["body"] = body.decode()
        except UnicodeDecodeError:
            payload |= {"body": base64.b64encode(body).decode(), "isBase64Encoded": True}
    if folder not in public() and "config" in folder:
        payload["requestContext"]["authorizer"]["jwt"]["claims"]["sub"] = SETTLER
    return payload


async def _document(_: "Request") -> Response:
    return JSONResponse(json.loads((ROOT / "docs/openapi.json").read_text()))


_ROUTES = [
    Route(http["Path"], _endpoint(folder), methods=[http["Method"]])
    for folder, function in functions().items()
    for event in function.get("Events", {}).values()
    if event["Type"] == "HttpApi"
    for http in [event["Properties"]]
]
schema = schemathesis.openapi.from_asgi(
    "/document.json", Starlette(routes=[Route("/document.json", _document), *_ROUTES])
)


@pytest.fixture
def instance(aws: "Aws", simulator: "Simulator", monkeypatch: pytest.MonkeyPatch) -> "Simulator":
    """An instance that the caller is connected to, and no limit of writes."""
    monkeypatch.setenv("WRITES_PER_MINUTE", "1000000")
    boto3.client("sns").create_topic(Name="notices")
    connect(simulator, seed.INTEGRATION_USER)
    return simulator


def _whole(found: Any) -> Any:
    return found.ok()


OPERATIONS = {
    f"{operation.method.upper()} {operation.path}": operation
    for operation in map(_whole, schema.get_all_operations())
    if operation.path.startswith("/api/")
}


@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE])
@pytest.mark.parametrize("name", OPERATIONS)
@pytest.mark.usefixtures("instance")
def test_every_answer_is_in_the_document(
    monkeypatch: pytest.MonkeyPatch, name: str, mode: GenerationMode
) -> None:
    """Status, content type, headers and body of it; never a failure of the function's own."""
    monkeypatch.setattr("actionsync.connections.clients.DEADLINE_SECONDS", 2.0)
    operation = OPERATIONS[name]
    if mode is GenerationMode.NEGATIVE and not (operation.body or operation.query):
        return  # nothing in it can be wrong

    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        derandomize="EXAMPLES" not in os.environ,
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=mode))
    def check(case: schemathesis.Case[Any]) -> None:
        response = case.call(headers={"Authorization": TOKEN})
        assert response.status_code != HTTPStatus.INTERNAL_SERVER_ERROR, response.text
        case.validate_response(
            response,
            checks=[
                openapi_checks.status_code_conformance,
                openapi_checks.content_type_conformance,
                openapi_checks.response_headers_conformance,
                openapi_checks.response_schema_conformance,
                openapi_checks.negative_data_rejection,
                checks.not_a_server_error,
            ],
        )

    check()
