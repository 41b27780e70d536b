"""A stand-in for AWS that answers the benchmarked functions at once.

DynamoDB is the tests' own, in memory. The other services give the one answer that a function goes
on with.
"""

import base64
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Self

from botocore import xform_name

from tests.memory import AnswerError, Item, MemoryDynamoDB

if TYPE_CHECKING:
    from types import TracebackType

_VERSION = "0" * 32


class AwsStub:
    """DynamoDB, Secrets Manager, SQS and EventBridge, while the `with` block lasts.

    Args:
        items: DynamoDB's items, by table, before each call.
        secrets: what Secrets Manager answers to who asks for the current version, by name.
    """

    def __init__(self, items: dict[str, list[Item]], secrets: dict[str, dict[str, Any]]) -> None:
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
                body = json.dumps(answer, default=_encoded).encode()
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
        self.dynamodb = MemoryDynamoDB(counts=False)
        for table, items in self._first.items():
            for item in items:
                self.dynamodb.put_item(TableName=table, Item=item)

    def answer(self, action: str, request: dict[str, Any]) -> dict[str, Any]:
        """Return a service's answer to an action."""
        self.calls.append(action)
        match action:
            case _ if request.keys() & {"TableName", "RequestItems"}:
                return self._ask_dynamodb(action, request)
            case "GetSecretValue":
                current = self._secrets[request["SecretId"]]
                if request.get("VersionId", current["VersionId"]) != current["VersionId"]:
                    return {"__type": "ResourceNotFoundException"}  # no rotation is under way
                return {name: current[name] for name in ("Name", "VersionId", "SecretString")}
            case "CreateSecret" | "PutSecretValue":
                return {"Name": "secret", "VersionId": request.get("ClientRequestToken", _VERSION)}
            case "PutEvents":
                return {"FailedEntryCount": 0, "Entries": [{"EventId": _VERSION}]}
        return {}

    def _ask_dynamodb(self, action: str, request: dict[str, Any]) -> dict[str, Any]:
        try:
            answer: dict[str, Any] = getattr(self.dynamodb, xform_name(action))(**request)
        except AnswerError as error:
            return {"__type": type(error).__name__, **error.response}
        return answer


def _encoded(value: bytes) -> str:
    return base64.b64encode(value).decode()
