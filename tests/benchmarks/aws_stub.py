"""A stand-in for AWS that answers the benchmarked functions at once.

DynamoDB keeps items and applies updates, without conditions: nobody else writes. The other
services give the one answer that a function goes on with.
"""

import json
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from types import TracebackType

_CLAUSE = re.compile(r"\b(SET|ADD|REMOVE) (.*?)(?= SET | ADD | REMOVE |$)")
_PART = re.compile(r",\s*(?![^(]*\))")  # a comma that is in no parentheses
_VERSION = "0" * 32


class AwsStub:
    """DynamoDB, Secrets Manager, SQS and EventBridge, while the `with` block lasts.

    Args:
        items: DynamoDB's items, by table, before each call.
        secrets: what Secrets Manager holds, by the end of the name; else the one named "".
    """

    def __init__(self, items: dict[str, list[dict[str, Any]]], secrets: dict[str, str]) -> None:
        self._first = items
        self._secrets = secrets
        self.calls: list[str] = []
        self.reset()
        stub = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            # Else each answer would wait 40 ms for the acknowledgement of its headers.
            disable_nagle_algorithm = True

            def do_POST(self) -> None:
                request = json.loads(self.rfile.read(int(self.headers["content-length"])))
                action = self.headers["x-amz-target"].rpartition(".")[2]
                answer = stub.answer(action, request)
                body = json.dumps(answer).encode()
                self.send_response(400 if "__type" in answer else 200)
                self.send_header("Content-Type", "application/x-amz-json-1.0")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the signature
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        """Serve."""
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: "TracebackType | None",
    ) -> None:
        """Stop."""
        self._server.shutdown()
        self._server.server_close()

    def reset(self) -> None:
        """Bring the first items back, and forget the calls."""
        self.calls.clear()
        self._items = {
            _place(table, item): dict(item)
            for table, items in self._first.items()
            for item in items
        }

    def answer(  # noqa: C901, PLR0911 - a table
        self, action: str, request: dict[str, Any]
    ) -> dict[str, Any]:
        """Return a service's answer to an action."""
        self.calls.append(action)
        table = request.get("TableName", "")
        match action:
            case "GetItem":
                item = self._items.get(_place(table, request["Key"]))
                return {} if item is None else {"Item": item}
            case "PutItem":
                self._items[_place(table, request["Item"])] = request["Item"]
                return {}
            case "DeleteItem":
                self._items.pop(_place(table, request["Key"]), None)
                return {}
            case "UpdateItem":
                item = self._items.setdefault(_place(table, request["Key"]), dict(request["Key"]))
                _update(item, request)
                return {"Attributes": item}
            case "BatchGetItem":
                found = {
                    name: [
                        self._items[place]
                        for key in asked["Keys"]
                        if (place := _place(name, key)) in self._items
                    ]
                    for name, asked in request["RequestItems"].items()
                }
                return {"Responses": found, "UnprocessedKeys": {}}
            case "BatchWriteItem":
                return {"UnprocessedItems": {}}
            case "Query" | "Scan":
                return {"Items": [], "Count": 0}
            case "GetSecretValue":
                if request.get("VersionId", _VERSION) != _VERSION:
                    return {"__type": "ResourceNotFoundException"}  # no rotation is under way
                name = request["SecretId"]
                text = next(value for end, value in self._secrets.items() if end in name)
                return {"Name": name, "VersionId": _VERSION, "SecretString": text}
            case "CreateSecret" | "PutSecretValue":
                return {"Name": "secret", "VersionId": request.get("ClientRequestToken", _VERSION)}
            case "PutEvents":
                return {"FailedEntryCount": 0, "Entries": [{"EventId": _VERSION}]}
        return {}


def _place(table: str, key: dict[str, Any]) -> tuple[str, str, str]:
    sort = key.get("sk", {"S": ""})
    return table, key["pk"]["S"], next(iter(sort.values()))


def _update(item: dict[str, Any], request: dict[str, Any]) -> None:
    """Apply an update expression (DynamoDB developer guide: Update expressions)."""
    names = request.get("ExpressionAttributeNames", {})
    values = request.get("ExpressionAttributeValues", {})
    for clause, parts in _CLAUSE.findall(request["UpdateExpression"]):
        for part in _PART.split(parts):
            left, _, right = part.strip().partition(" = " if clause == "SET" else " ")
            name = names.get(left, left)
            if clause == "REMOVE":
                item.pop(name, None)
            elif clause == "ADD":
                before = int(item.get(name, {"N": "0"})["N"])
                item[name] = {"N": str(before + int(values[right]["N"]))}
            elif right.startswith("if_not_exists("):
                kept, _, default = right.removeprefix("if_not_exists(")[:-1].partition(", ")
                item[name] = item.get(names.get(kept, kept), values.get(default))
            else:
                item[name] = values[right]
