"""The operations of the HTTP API: what their code says, and their descriptions, in one."""

import importlib
import inspect
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, get_args, get_origin
from urllib.parse import quote, urlencode

from aws_lambda_powertools.event_handler.depends import Depends

from functions.operation import CONNECT, RECORD, SHARE, Calls, Operation
from servicenow_tools.errors import ServiceNowError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pydantic import BaseModel

FOLDER = Path(__file__).parent.parent / "functions"


@dataclass(frozen=True, slots=True)
class Described:
    """An operation: its description, and what its code says.

    Attributes:
        folder: the function's folder.
        method: HTTP method.
        path: path, with `{names}`.
        operation: its description.
        text: what it answers, in a sentence.
        body: the model of its JSON body, or None.
        is_body_required: whether a request without body is refused.
        takes_file: whether its body is a file.
        query: the model of its query string, or None.
        place: which of `owner` and `connection` its query string may name.
        headers: names of the request headers it reads.
        calls_servicenow: whether ServiceNow's failures are among its answers.
        is_rate_limited: whether it counts as a write of the user.
        is_read_limited: whether it counts as a read of the user.
    """

    folder: str
    method: str
    path: str
    operation: Operation
    text: str
    body: "type[BaseModel] | None"
    is_body_required: bool
    takes_file: bool
    query: "type[BaseModel] | None"
    place: str
    headers: tuple[str, ...]
    calls_servicenow: bool
    is_rate_limited: bool
    is_read_limited: bool

    @property
    def writes_tickets(self) -> bool:
        """Whether it writes to ServiceNow, once for each Idempotency-Key."""
        return self.calls_servicenow and "Idempotency-Key" in self.headers

    @property
    def cold_calls(self) -> Calls:
        """Calls to AWS of a process's first request."""
        if self.operation.cold_calls is not None:
            return self.operation.cold_calls
        if self.writes_tickets:
            # The tick learns of the looks once a minute.
            updates = SHARE["UpdateItem"] + self._updates + self._opens_ticket
            return {**CONNECT, **self._written, "UpdateItem": updates}
        return {**CONNECT, **SHARE} if self.calls_servicenow else {}

    @property
    def warm_calls(self) -> Calls:
        """Calls to AWS of a further request."""
        if self.operation.warm_calls is not None:
            return self.operation.warm_calls
        if not self.writes_tickets:
            return {}
        return {**self._written, **({"UpdateItem": self._updates} if self._updates else {})}

    @property
    def _opens_ticket(self) -> bool:
        return self.operation.answer == "Ticket" and "{id}" not in self.path

    @property
    def _written(self) -> Calls:
        # A ticket that is opened has a row, and its connection looks, from then on.
        return {"PutItem": RECORD["PutItem"] + 2 * self._opens_ticket}

    @property
    def _updates(self) -> int:
        return self.operation.updates if "{id}" in self.path else 0

    def event(self, scenario: str = "valid") -> dict[str, Any]:
        """Return the payload that API Gateway makes of the request, in format version 2.0."""
        operation = self.operation
        request = operation.request if scenario == "valid" else operation.refused[scenario].request
        path = self.path
        for name, value in request.path.items():
            path = path.replace(f"{{{name}}}", quote(value, safe="^="))
        headers = dict(_HEADERS)
        if operation.needs_token and request.is_signed_in:
            headers["authorization"] = "Bearer eyJ..."
        body = request.body
        if body is not None:
            body = body if isinstance(body, str) else json.dumps(body)
            headers |= {
                "content-length": str(len(body.encode())),
                "content-type": "application/json",
            }
        headers |= request.headers
        route = f"{self.method} {self.path}"
        context: dict[str, Any] = {
            "accountId": "123456789012",
            "apiId": "example",
            "domainName": _HEADERS["host"],
            "domainPrefix": "example",
            "http": {
                "method": self.method,
                "path": path,
                "protocol": "HTTP/1.1",
                "sourceIp": "203.0.113.10",
                "userAgent": "curl/8.5.0",
            },
            "requestId": "JKJaXmPLvHcESHA=",
            "routeKey": route,
            "stage": "$default",
            "time": "10/Jan/2024:10:00:00 +0000",
            "timeEpoch": 1704880800000,
        }
        if operation.needs_token and request.is_signed_in:
            claims = {"sub": "00000000-0000-4000-8000-000000000001", "token_use": "access"}
            context["authorizer"] = {"jwt": {"claims": claims, "scopes": None}}
        event: dict[str, Any] = {
            "version": "2.0",
            "routeKey": route,
            "rawPath": path,
            "rawQueryString": urlencode(request.query),
            "headers": dict(sorted(headers.items())),
            "requestContext": context,
        }
        if request.query:
            event["queryStringParameters"] = dict(request.query)
        if request.path:
            event["pathParameters"] = dict(request.path)
        if body is not None:
            event["body"] = body
        return event | {"isBase64Encoded": False}


_HEADERS = {
    "accept": "application/json",
    "host": "example.execute-api.us-east-1.amazonaws.com",
    "user-agent": "curl/8.5.0",
    "x-forwarded-for": "203.0.113.10",
    "x-forwarded-port": "443",
    "x-forwarded-proto": "https",
}


def operations() -> "Iterator[Described]":
    """Yield the operations of all functions that answer HTTP.

    Raises:
        LookupError: a route has no description, or a description no route.
    """
    for file in sorted(FOLDER.glob("*/app.py")):
        folder = file.parent.name
        module = importlib.import_module(f"functions.{folder}.app")
        if hasattr(module, "app"):
            yield from _described(folder, module.app)


def _described(folder: str, app: Any) -> "Iterator[Described]":
    if not (FOLDER / folder / "operation.py").exists():
        raise LookupError(f"functions/{folder} has no operation.py: describe its routes there")
    described = dict(importlib.import_module(f"functions.{folder}.operation").OPERATIONS)
    for route in (*app._static_routes, *app._dynamic_routes):  # noqa: SLF001 - has no other way
        path = re.sub(r"<(\w+)>", lambda name: "{" + _PARAMETERS.get(name[1], name[1]) + "}",
                      route.path)  # fmt: skip
        operation = described.pop(f"{route.method} {path}", None)
        if operation is None:
            raise LookupError(f"functions/{folder}/operation.py lacks {route.method} {path}")
        yield _merged(folder, route, path, operation, app)
    if described:
        raise LookupError(f"functions/{folder}/app.py has no route {', '.join(described)}")


# The dependencies that read whose things a call is about (`http/callers.py`, `wiring/callers.py`).
_PLACES = {
    "_of_owner": "owner",
    "_member": "owner",
    "_reading_member": "owner",
    "_writing_member": "owner",
    "_editor": "owner",
    "_of_connection": "connection",
    "_connection_member": "connection",
}
# Names of the code's path parameters, and those of the API where they differ.
_PARAMETERS = {"record_id": "id", "webhook_id": "id", "event_id": "id", "gate_id": "id"}


def _merged(folder: str, route: Any, path: str, operation: Operation, app: Any) -> Described:
    body = query = None
    is_body_required = is_rate_limited = is_read_limited = takes_file = False
    place = ""
    headers = []
    for parameter in inspect.signature(route.func, eval_str=True).parameters.values():
        if get_origin(parameter.annotation) is not Annotated:
            continue
        depends = get_args(parameter.annotation)[1]
        maker = depends.dependency.__qualname__ if isinstance(depends, Depends) else ""
        model = inspect.getclosurevars(depends.dependency).nonlocals.get("model")
        if maker.startswith("query."):
            query = model
        elif "json_body." in maker:
            body, is_body_required = model, maker.startswith("json_body.")
        elif maker == "_file":
            takes_file = True
        elif maker == "_idempotency_key":
            headers.append("Idempotency-Key")
        elif maker == "_if_match":
            headers.append("If-Match")
        place = _PLACES.get(maker, place)
        is_rate_limited |= maker in {"_editor", "_rate_limited", "_writing_member"}
        is_read_limited |= maker in {"_reading_member", "_connection_member"}
    return Described(
        folder=folder,
        method=route.method,
        path=path,
        operation=operation,
        text=" ".join((route.func.__doc__ or "").split()),
        body=body,
        is_body_required=is_body_required,
        takes_file=takes_file,
        query=query,
        place=place,
        headers=tuple(headers),
        calls_servicenow=ServiceNowError in app.exception_handler_manager._exception_handlers,  # noqa: SLF001
        is_rate_limited=is_rate_limited,
        is_read_limited=is_read_limited,
    )
