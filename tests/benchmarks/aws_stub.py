"""The few answers of DynamoDB and Secrets Manager that the benchmarked calls need, at once."""

import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def aws_stub(item: dict[str, Any], secret: str) -> "Iterator[str]":
    """Serve one connection and its secret, and yield the endpoint's URL."""
    answers = {
        "GetItem": {"Item": item},
        "PutItem": {},
        "UpdateItem": {},
        "Query": {"Items": [], "Count": 0},
        "GetSecretValue": {"Name": "secret", "VersionId": "0" * 32, "SecretString": secret},
    }

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        # Else each answer would wait 40 ms for the acknowledgement of its headers.
        disable_nagle_algorithm = True

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["content-length"]))
            body = json.dumps(answers[self.headers["x-amz-target"].rpartition(".")[2]]).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/x-amz-json-1.0")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the signature
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
