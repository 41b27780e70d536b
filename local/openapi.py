"""The API's OpenAPI document, made from the operations in functions/: `make openapi`.

It is made before a commit, never at run time: the resolver's own generator would cost every cold
start.
"""

import argparse
import json
import re
import sys
import tomllib
from http import HTTPStatus
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter
from pydantic.json_schema import models_json_schema

from actionsync.http import problems, servicenow
from actionsync.http.api import MAX_FILE_BYTES
from actionsync.stores.connections import Connection
from functions.operation import PROBLEM
from local import meanings, page_tables, settings_schema
from local.compatibility import breaks
from local.operations import Described, operations
from local.schemas import ANSWERS, REF
from servicenow_tools import ConnectionReport

ROOT = Path(__file__).parent.parent
CHANGELOG = ROOT / "CHANGELOG.md"
# docs/openapi.json links to it: the layer serves the file that the repository shows.
FILE = ROOT / "layers/actionsync/actionsync/pages/openapi.json"

_TAGS = {
    "Connection": "The user's ServiceNow connection.",
    "Incidents": "Incidents of the connected instance.",
    "Change requests": "Change requests of the connected instance.",
    "Problems": "Problems of the connected instance.",
    "Security incidents": "Security incidents, where the instance has Security Incident Response.",
    "Import sets": "Rows for staging tables, for instances whose tables are written by transforms.",
    "Work notes": "Work notes on tickets of all types.",
    "Attachments": "Files on tickets of all types.",
    "Choices": "The instance's own values of choice columns.",
    "Events": "What is made of events, and what became of them.",
    "Assistants": "Tools for assistants, by the Model Context Protocol.",
    "Pages": "Pages and files for people; they need no token.",
}
_TEXTS = {
    HTTPStatus.BAD_REQUEST: "The body is missing or is no JSON.",
    HTTPStatus.UNAUTHORIZED: "There is no token, or not a good one.",
    HTTPStatus.FORBIDDEN: "The token has none of the scopes that the API wants.",
    HTTPStatus.NOT_FOUND: "No connection is stored, or there is no such record or webhook.",
    HTTPStatus.CONFLICT: "One is stored already, another request is at work on it, or its state "
    "does not allow it.",
    HTTPStatus.PRECONDITION_FAILED: "It is not the version that If-Match names.",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "The body is larger than 256 KiB; a file, than 4 MiB.",
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE: "The body is not application/json; a file comes as a form.",
    HTTPStatus.UNPROCESSABLE_ENTITY: "A field is wrong, or ServiceNow refused it.",
    HTTPStatus.FAILED_DEPENDENCY: "ServiceNow refused the credentials, or a role is missing.",
    HTTPStatus.TOO_MANY_REQUESTS: "ServiceNow's rate limit is reached, or the user's own; "
    "Retry-After says when.",
    HTTPStatus.INTERNAL_SERVER_ERROR: "Something went wrong in the function.",
    HTTPStatus.BAD_GATEWAY: "ServiceNow failed or answered what is no answer.",
    HTTPStatus.SERVICE_UNAVAILABLE: "The instance cannot be reached, hibernates, or is paused.",
    HTTPStatus.GATEWAY_TIMEOUT: "The instance did not answer in time.",
}
_BODY = {400, 413, 415, 422}


def document() -> dict[str, Any]:
    """Return the OpenAPI 3.1 document."""
    found = list(operations())
    bodies = sorted({op.body for op in found if op.body}, key=lambda model: model.__name__)
    _, defined = models_json_schema(
        [(model, "validation") for model in bodies], ref_template=f"{REF}{{model}}"
    )
    connection = TypeAdapter(Connection).json_schema(ref_template=f"{REF}{{model}}")
    for name in ("secret_version", "signed_in_by"):
        del connection["properties"][name]
    notes = {"type": "array", "items": {"type": "string"}, "description": "What has to be done."}
    connection["properties"]["notes"] = notes
    connection["required"].remove("secret_version")
    pending = connection["$defs"]["PendingVersion"]
    del pending["properties"]["secret_version"]
    pending["required"].remove("secret_version")
    report = TypeAdapter(ConnectionReport).json_schema(ref_template=f"{REF}{{model}}")
    schemas = {
        **ANSWERS,
        **defined.get("$defs", {}),
        **report.pop("$defs", {}),
        **connection.pop("$defs", {}),
        "Connection": connection,
        "ConnectionReport": report,
    }
    # Pydantic tells models of one name apart by their modules; references would lead nowhere.
    if double := sorted(name for name in schemas if "__" in name):
        raise SystemExit(f"Models share a name, give one another: {', '.join(double)}")
    # What tables of this module share is described at each of its places by itself, so that it must
    # be an object of its own there, which copy.deepcopy would not make it.
    schemas = json.loads(json.dumps(schemas))
    for name, schema in schemas.items():
        meanings.describe(name, schema)
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
            "responses": {_name(status): _failure(status) for status in _TEXTS},
            "schemas": dict(sorted(schemas.items())),
        },
    }


def _described(op: Described) -> dict[str, Any]:
    operation = op.operation
    described: dict[str, Any] = {
        "operationId": operation.id,
        "tags": [operation.tag],
        "summary": operation.summary,
        "description": op.text,
    }
    if parameters := _parameters(op):
        described["parameters"] = parameters
    if op.body is not None:
        media: dict[str, Any] = {"schema": {"$ref": f"{REF}{op.body.__name__}"}}
        if operation.request.body is not None:
            media["example"] = operation.request.body
        described["requestBody"] = {
            "required": op.is_body_required,
            "content": {"application/json": media},
        }
    if op.takes_file:
        file = {"type": "string", "format": "binary", "minLength": 1, "maxLength": MAX_FILE_BYTES}
        described["requestBody"] = {
            "required": True,
            "content": {"application/octet-stream": {"schema": file}},
            "description": "The file itself, in any media type, 4 MiB at most.",
        }
    described["responses"] = _responses(op)
    if not operation.needs_token:
        described["security"] = []
    return described


def _parameters(op: Described) -> list[dict[str, Any]]:
    examples = op.operation.request.path
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
    parameters += [
        {
            "name": name,
            "in": "query",
            "required": False,
            "schema": {"type": "string", **schema},
            "description": text,
        }
        for name, (text, schema) in _PLACES.items()
        if op.place in {name, "connection"}
    ]
    parameters += [
        {
            "name": name,
            "in": "header",
            "required": False,
            "schema": {"type": "string", "maxLength": 255},
            "description": _HEADERS[name],
        }
        for name in op.headers
    ]
    for parameter in parameters:
        meanings.describe_parameter(parameter)
    return parameters


# A call that takes `connection` takes `owner` as well.
_PLACES: dict[str, tuple[str, dict[str, Any]]] = {
    "owner": (
        "team/<name>: the team whose things are meant; the caller's own if left out.",
        {"minLength": 1},
    ),
    "connection": (
        "Which connection: its name, team/<team>, or team/<team>/<name>.",
        {"default": "default", "minLength": 1},
    ),
}
_HEADERS = {
    "Idempotency-Key": "A repeated key is answered as before, for a day.",
    "If-Match": "The ETag of an earlier answer: refuse if the version is not current any more.",
}


def _responses(op: Described) -> dict[str, Any]:
    operation = op.operation
    success: dict[str, Any] = {"description": op.text}
    if operation.tag == "Pages":
        success["content"] = {operation.content_type: {}}
    elif operation.answer is not None:
        schema = {"$ref": f"{REF}{operation.answer}"}
        success["content"] = {"application/json": {"schema": schema, "example": operation.example}}
        for kind in operation.further_content_types:
            success["content"][kind] = {"schema": {"type": "string"}}
    responses = {str(operation.status): success}
    for code in sorted(_failures(op)):
        responses[str(code)] = {"$ref": f"#/components/responses/{_name(HTTPStatus(code))}"}
    for refused in operation.refused.values():
        if refused.content_type != PROBLEM:
            content = {refused.content_type: {"schema": {"$ref": f"{REF}{operation.answer}"}}}
            text = _TEXTS[HTTPStatus(refused.status)]
            responses[str(refused.status)] = {"description": text, "content": content}
    return responses


def _failures(op: Described) -> set[int]:
    codes = {500}
    if op.operation.tag == "Pages":
        return codes | ({404} if "{" in op.path else set())
    codes |= {401, 403}
    if op.body is not None or op.takes_file:
        codes |= _BODY
    if op.operation.needs_token or op.query is not None:
        codes.add(422)
    if "{" in op.path:  # a part that no route takes
        codes.add(404)
    codes |= {problems.STATUSES[kind].value for kind in op.operation.errors}
    codes |= {refused.status for refused in op.operation.refused.values()}
    if op.method != "GET" or op.is_read_limited:
        codes.add(429)
    if op.calls_servicenow:
        codes |= {status.value for status in servicenow.STATUSES.values()}
    elif "If-Match" in op.headers:
        codes.add(412)
    return codes


def _name(status: HTTPStatus) -> str:
    """Return what a status is called among the components."""
    return problems.title_of(status).upper().replace(" ", "_")


def _failure(status: HTTPStatus) -> dict[str, Any]:
    text = _TEXTS[status]
    example: dict[str, Any] = {
        "type": "about:blank",
        "title": problems.title_of(status),
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
            PROBLEM: {
                "schema": {"$ref": f"{REF}Problem"},
                "example": example,
            }
        },
    }
    if status is HTTPStatus.UNAUTHORIZED:
        # API Gateway's own answer, before a function is called.
        answer["content"]["application/json"] = {
            "schema": {"$ref": f"{REF}Message"},
            "example": {"message": "Unauthorized"},
        }
    if status in {HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE}:
        answer["headers"] = {"Retry-After": {"schema": {"type": "integer"}}}
    return answer


def main() -> None:
    """Write the document and the pages' tables, or with --check fail where one is stale.

    Once CHANGELOG.md names a release, a document that breaks its callers is refused until
    pyproject's version begins with another number (with another second number, before 1.0).
    """
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; fail where stale")
    check = parser.parse_args().check
    new = document()
    if FILE.exists():
        broken = breaks(json.loads(FILE.read_text()), new)
        if broken and _series(new["info"]["version"]) in released():
            sys.exit("This breaks callers; raise the version first:\n  " + "\n  ".join(broken))
    texts = {
        FILE: json.dumps(new, indent=2) + "\n",
        page_tables.FILE: page_tables.text(),
        page_tables.EXAMPLES_FILE: page_tables.examples(),
        settings_schema.FILE: settings_schema.text(),
    }
    for file, text in texts.items():
        if not check:
            file.write_text(text)
        elif not file.exists() or file.read_text() != text:
            sys.exit(f"{file.name} is stale: run `make openapi`.")


def released() -> set[str]:
    """Return the series of versions of which the change log names a release."""
    versions = re.findall(r"^## \[(\d+\.\d+\.\d+)\]", CHANGELOG.read_text(), re.MULTILINE)
    return set(map(_series, versions))


def _series(version: str) -> str:
    major, minor, *_ = version.split(".")
    return major if major != "0" else f"0.{minor}"


if __name__ == "__main__":
    main()
