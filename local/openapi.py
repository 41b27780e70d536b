"""The API's OpenAPI document, made from the functions themselves: `make openapi`.

Routes, models, texts and statuses come from functions/, examples from events/. It is made before a
commit, never at run time: the resolver's own generator would cost every cold start.
"""

import argparse
import importlib
import inspect
import json
import re
import sys
import tomllib
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Annotated, Any, get_args, get_origin

from aws_lambda_powertools.event_handler.depends import Depends
from pydantic import BaseModel, TypeAdapter
from pydantic.json_schema import models_json_schema

from actionsync import errors
from actionsync.http import problems, servicenow
from actionsync.stores.connections import Connection
from local.compatibility import breaks
from local.schemas import ANSWERS, REF
from servicenow_tools import ConnectionReport

ROOT = Path(__file__).parent.parent
# What each function answers its valid event; a test holds the two together.
_EXAMPLES = json.loads((Path(__file__).parent / "answers.json").read_text())
# docs/openapi.json links to it: the layer serves the file that the repository shows.
FILE = ROOT / "layers/actionsync/actionsync/pages/openapi.json"

_STATUS = re.compile(r"Answer (\d{3})")
_TITLE = re.compile(r"(\w+) (/\S+): (.+)")
_TAGS = {
    "Connection": "The user's ServiceNow connection.",
    "Incidents": "Incidents of the connected instance.",
    "Change requests": "Change requests of the connected instance.",
    "Tickets": "What incidents and change requests share.",
    "Events": "What is made of events, and what became of them.",
    "Pages": "Pages and files for people; they need no token.",
}
_TEXTS = {
    HTTPStatus.BAD_REQUEST: "The body is missing or is no JSON.",
    HTTPStatus.UNAUTHORIZED: "There is no token, or not a good one.",
    HTTPStatus.NOT_FOUND: "No connection is stored, or there is no such record or webhook.",
    HTTPStatus.CONFLICT: "One is stored already, another request is at work on it, or its state "
    "does not allow it.",
    HTTPStatus.PRECONDITION_FAILED: "It is not the version that If-Match names.",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "The body is larger than 256 KiB.",
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE: "The body is not sent as application/json.",
    HTTPStatus.UNPROCESSABLE_ENTITY: "A field is wrong, or ServiceNow refused it.",
    HTTPStatus.FAILED_DEPENDENCY: "ServiceNow refused the credentials, or a role is missing.",
    HTTPStatus.TOO_MANY_REQUESTS: "ServiceNow's rate limit is reached, or the user's own; "
    "Retry-After tells when.",
    HTTPStatus.INTERNAL_SERVER_ERROR: "Something went wrong in the function.",
    HTTPStatus.BAD_GATEWAY: "ServiceNow failed or answered what is no answer.",
    HTTPStatus.SERVICE_UNAVAILABLE: "The instance cannot be reached, hibernates, or is left alone "
    "for a while.",
    HTTPStatus.GATEWAY_TIMEOUT: "The instance did not answer in time.",
}
# What a signature of the body stands for, in the place of a token.
_SIGNED = {"receive_github_webhook"}
_BODY = {400, 413, 415, 422}
# What a function answers when it succeeds; a ticket where it is not named.
_ANSWERS = {
    "search_incidents": "IncidentPage",
    "get_choices": "Choices",
    "test_connection": "ConnectionReport",
    "get_rules": "Rules",
    "update_rules": "Rules",
    "preview_rules": "RulesPreviewed",
    "get_activity": "ActivityPage",
    "get_health": "Health",
    "list_github_webhooks": "Webhooks",
    "create_github_webhook": "Webhook",
    "receive_github_webhook": "WebhookAnswer",
    "get_config": "Connection",
    "create_config": "Connection",
    "update_config": "Connection",
}
# What functions refuse by themselves, beside what their input and ServiceNow bring.
_REFUSALS: dict[str, tuple[type[errors.ActionSyncError], ...]] = {
    "get_config": (errors.ConnectionNotFoundError,),
    "create_config": (errors.ConnectionExistsError, errors.ConnectionBusyError),
    "update_config": (
        errors.ConnectionNotFoundError,
        errors.ConnectionBusyError,
        errors.ConnectionChangedError,
    ),
    "delete_config": (errors.ConnectionNotFoundError, errors.ConnectionBusyError),
    "delete_github_webhook": (errors.WebhookNotFoundError,),
}


@dataclass(frozen=True, slots=True)
class Operation:
    """One function as its code tells it.

    Attributes:
        folder: the function's folder.
        method: HTTP method.
        path: path, with `{names}`.
        summary: what it does.
        answer: what it answers, in a sentence.
        body: the model of its JSON body, or None.
        body_required: whether a call without body is refused.
        query: the model of its query string, or None.
        headers: names of the request headers it reads.
        calls_servicenow: whether ServiceNow's failures are among its answers.
        public: whether it needs no token.
    """

    folder: str
    method: str
    path: str
    summary: str
    answer: str
    body: type[BaseModel] | None
    body_required: bool
    query: type[BaseModel] | None
    headers: tuple[str, ...]
    calls_servicenow: bool
    public: bool


def operations() -> list[Operation]:
    """Return the operations of all functions that answer HTTP."""
    found = []
    for file in sorted((ROOT / "functions").glob("*/app.py")):
        module = importlib.import_module(f"functions.{file.parent.name}.app")
        if hasattr(module, "app"):
            found.append(_operation(file.parent.name, module))
    return found


def _operation(folder: str, module: Any) -> Operation:
    handler = getattr(module, folder)
    title = _TITLE.match((module.__doc__ or "").splitlines()[0])
    if title is None:
        raise ValueError(f"functions/{folder}/app.py does not begin with its route")
    method, path, summary = title.groups()
    body = query = None
    body_required = False
    headers = []
    for parameter in inspect.signature(handler, eval_str=True).parameters.values():
        if get_origin(parameter.annotation) is not Annotated:
            continue
        kind, depends = get_args(parameter.annotation)[:2]
        maker = depends.dependency.__qualname__ if isinstance(depends, Depends) else ""
        model = next((part for part in (kind, *get_args(kind)) if _is_model(part)), None)
        if maker.startswith("query."):
            query = model
        elif "json_body." in maker:
            body, body_required = model, maker.startswith("json_body.")
        elif maker == "_idempotency_key":
            headers.append("Idempotency-Key")
        elif maker == "_if_match":
            headers.append("If-Match")
    return Operation(
        folder=folder,
        method=method,
        path=path,
        summary=summary[0].upper() + summary[1:],
        answer=" ".join((handler.__doc__ or "").split()),
        body=body,
        body_required=body_required,
        query=query,
        headers=tuple(headers),
        calls_servicenow=hasattr(module, "servicenow_api"),
        public=not path.startswith("/api/servicenow/"),
    )


def _is_model(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, BaseModel)


def document() -> dict[str, Any]:
    """Return the OpenAPI 3.1 document."""
    found = operations()
    bodies = sorted({op.body for op in found if op.body}, key=lambda model: model.__name__)
    _, defined = models_json_schema(
        [(model, "validation") for model in bodies], ref_template=f"{REF}{{model}}"
    )
    connection = TypeAdapter(Connection).json_schema()
    del connection["properties"]["secret_version"]
    connection["required"].remove("secret_version")
    report = TypeAdapter(ConnectionReport).json_schema(ref_template=f"{REF}{{model}}")
    schemas = {
        **ANSWERS,
        **defined.get("$defs", {}),
        **report.pop("$defs", {}),
        "Connection": connection,
        "ConnectionReport": report,
    }
    paths: dict[str, Any] = {}
    for op in found:
        paths.setdefault(op.path, {})[op.method.lower()] = _described(op)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "ActionSync for ServiceNow",
            "version": project["version"],
            "description": project["description"],
            "license": {"name": project["license"], "identifier": project["license"]},
        },
        "servers": [{"url": "/", "description": "Where this document is served"}],
        "tags": [{"name": name, "description": text} for name, text in _TAGS.items()],
        "security": [{"oidc": []}],
        "paths": dict(sorted(paths.items())),
        "components": {
            "securitySchemes": {
                "oidc": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}
            },
            "responses": {status.name: _failure(status) for status in _TEXTS},
            "schemas": dict(sorted(schemas.items())),
        },
    }


def _described(op: Operation) -> dict[str, Any]:
    described: dict[str, Any] = {
        "operationId": op.folder,
        "tags": [_tag(op)],
        "summary": op.summary,
        "description": op.answer,
    }
    if parameters := _parameters(op):
        described["parameters"] = parameters
    if op.body is not None:
        media: dict[str, Any] = {"schema": {"$ref": f"{REF}{op.body.__name__}"}}
        if (example := _event(op).get("body")) is not None:
            media["example"] = json.loads(example)
        described["requestBody"] = {
            "required": op.body_required,
            "content": {"application/json": media},
        }
    described["responses"] = _responses(op)
    if op.public or op.folder in _SIGNED:
        described["security"] = []
    return described


def _tag(op: Operation) -> str:
    if op.public:
        return "Pages"
    place = op.path.split("/")[3]
    named = {
        "config": "Connection",
        "test": "Connection",
        "incidents": "Incidents",
        "change-requests": "Change requests",
        "choices": "Tickets",
        "{table}": "Tickets",
    }
    return named.get(place, "Events")


def _event(op: Operation) -> dict[str, Any]:
    file = ROOT / "events" / op.folder / "valid.json"
    event: dict[str, Any] = json.loads(file.read_text())
    return event


def _parameters(op: Operation) -> list[dict[str, Any]]:
    examples = _event(op).get("pathParameters") or {}
    parameters: list[dict[str, Any]] = [
        {
            "name": name,
            "in": "path",
            "required": True,
            "schema": {"type": "string"},
            "example": examples.get(name, name),
        }
        for name in re.findall(r"\{(\w+)\}", op.path)
    ]
    if op.query is not None:
        schema = op.query.model_json_schema()
        for name, part in schema["properties"].items():
            described = {"name": name, "in": "query", "required": False, "schema": part}
            if text := part.pop("description", None):
                described["description"] = text
            parameters.append(described)
    texts = {
        "Idempotency-Key": "The same key answers what it answered before, for a day.",
        "If-Match": "The ETag of an earlier answer: refuse if it is not that version any more.",
    }
    parameters += [
        {
            "name": name,
            "in": "header",
            "required": False,
            "schema": {"type": "string", "maxLength": 255},
            "description": texts[name],
        }
        for name in op.headers
    ]
    return parameters


def _responses(op: Operation) -> dict[str, Any]:
    status = _STATUS.search(op.answer)
    if status is None:
        raise ValueError(f"functions/{op.folder}/app.py does not tell what it answers")
    success: dict[str, Any] = {"description": op.answer}
    if op.public:
        kind = "application/json" if op.path.endswith(".json") else "text/html"
        success["content"] = {kind if op.folder != "show_asset" else "*/*": {}}
    elif status[1] != str(HTTPStatus.NO_CONTENT.value):
        name = _ANSWERS.get(op.folder, "Ticket" if _tag(op) != "Events" else None)
        schema = {"$ref": f"{REF}{name}"} if name else {"type": "object"}
        example = _EXAMPLES[op.folder]
        success["content"] = {"application/json": {"schema": schema, "example": example}}
    responses = {status[1]: success}
    for code in sorted(_failures(op)):
        responses[str(code)] = {"$ref": f"#/components/responses/{HTTPStatus(code).name}"}
    return responses


def _failures(op: Operation) -> set[int]:
    codes = {500}
    if op.public:
        return codes | ({404} if "{" in op.path else set())
    codes.add(401)
    if op.body is not None:
        codes |= _BODY
    if op.query is not None or op.headers or "{" in op.path:
        codes.add(422)
    if "{" in op.path:
        codes.add(404)
    codes |= {problems.STATUSES[kind].value for kind in _REFUSALS.get(op.folder, ())}
    if op.method.upper() != "GET":
        codes.add(429)
    if op.calls_servicenow:
        codes |= {status.value for status in servicenow.STATUSES.values()}
    elif "If-Match" in op.headers:
        codes.add(412)
    return codes


def _failure(status: HTTPStatus) -> dict[str, Any]:
    text = _TEXTS[status]
    example: dict[str, Any] = {
        "type": "about:blank",
        "title": status.phrase,
        "status": status.value,
        "detail": text,
        "instance": "urn:request:JKJaXmPLvHcESHA=",
    }
    if status is HTTPStatus.UNPROCESSABLE_ENTITY:
        example["errors"] = [{"field": "short_description", "message": "Field required"}]
    if status is HTTPStatus.FAILED_DEPENDENCY:
        said = {"status": 401, "message": "User Not Authenticated", "detail": "Required to provide Auth information"}  # fmt: skip # noqa: E501
        example["servicenow"] = said
    answer: dict[str, Any] = {
        "description": text,
        "content": {
            "application/problem+json": {
                "schema": {"$ref": f"{REF}Problem"},
                "example": example,
            }
        },
    }
    if status is HTTPStatus.UNAUTHORIZED:
        # API Gateway's own words, before a function is asked.
        answer["content"]["application/json"] = {
            "schema": {"$ref": f"{REF}Message"},
            "example": {"message": "Unauthorized"},
        }
    if status in {HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE}:
        answer["headers"] = {"Retry-After": {"schema": {"type": "integer"}}}
    return answer


def main() -> None:
    """Write the document, or with --check tell whether the written one is stale.

    A document that breaks callers is refused until pyproject's version begins with another number
    (with another second number, before 1.0).
    """
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; fail where stale")
    check = parser.parse_args().check
    new = document()
    text = json.dumps(new, indent=2) + "\n"
    if FILE.exists():
        old = json.loads(FILE.read_text())
        broken = breaks(old, new)
        if broken and _series(old) == _series(new):
            sys.exit("This breaks callers; raise the version first:\n  " + "\n  ".join(broken))
        if check and FILE.read_text() != text:
            sys.exit("docs/openapi.json is stale: run `make openapi`.")
    elif check:
        sys.exit("docs/openapi.json is missing: run `make openapi`.")
    if not check:
        FILE.write_text(text)


def _series(document: dict[str, Any]) -> str:
    major, minor, *_ = document["info"]["version"].split(".")
    return major if major != "0" else f"0.{minor}"


if __name__ == "__main__":
    main()
