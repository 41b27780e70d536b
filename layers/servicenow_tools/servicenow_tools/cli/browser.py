"""A person's sign-in in the browser, which comes back to a loopback address (RFC 8252)."""

import secrets
import time
from http.server import BaseHTTPRequestHandler, HTTPServer
from urllib.parse import parse_qsl, urlsplit

import typer

from servicenow_tools.errors import InvalidRequestError
from servicenow_tools.sync import ServiceNowClient
from servicenow_tools.sync.auth import AuthorizationCode, authorization_url

# An instance takes its own redirect URLs alone: the port is registered there.
PORT = 8765
WAIT_SECONDS = 300.0
_PAGE = b"<!doctype html><title>servicenow-tools</title><p>You can close this window.</p>"


def redirect_uri(port: int) -> str:
    """Return where the browser comes back to, which the OAuth application has to name."""
    return f"http://127.0.0.1:{port}/"


def sign_in(
    url: str, client_id: str, client_secret: str, *, port: int, ca_file: str | None
) -> tuple[str, str]:
    """Sign a person in with a browser; return who it is and the refresh token.

    Args:
        url: the instance.
        client_id: the OAuth application.
        client_secret: its secret.
        port: where the browser comes back to.
        ca_file: PEM file of a private authority.

    Raises:
        InvalidRequestError: nobody signed in, or it is not to go on.
    """
    state, verifier = secrets.token_urlsafe(32), secrets.token_urlsafe(64)
    with _listen(port, state) as server:
        page = authorization_url(
            url, client_id, redirect_uri=redirect_uri(port), state=state, code_verifier=verifier
        )
        typer.echo(f"Sign in at {page}", err=True)
        typer.launch(page)
        code = server.wait()
    grant = AuthorizationCode(
        client_id,
        client_secret,
        code=code,
        redirect_uri=redirect_uri(port),
        code_verifier=verifier,
    )
    with ServiceNowClient(url, auth=grant, ca_file=ca_file) as client:
        person = client.signed_in_as()
    if not grant.refresh_token:
        raise InvalidRequestError("gives no refresh tokens", "the OAuth application")
    return person or "", grant.refresh_token


class _Server(HTTPServer):
    """Waits for the browser to come back."""

    timeout = 0.2

    def __init__(self, port: int, state: str) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.state = state
        self.came: dict[str, str] = {}

    def wait(self) -> str:
        """Return the code that came along.

        Raises:
            InvalidRequestError: none came.
        """
        ends_at = time.monotonic() + WAIT_SECONDS
        while not self.came and time.monotonic() < ends_at:
            self.handle_request()
        if not self.came:
            raise InvalidRequestError("did not come back in time", "the browser")
        if "code" not in self.came:
            said = self.came.get("error", "no code")
            raise InvalidRequestError(f"was refused: {said[:100]}", "the sign-in")
        return self.came["code"]


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def do_GET(self) -> None:
        """Take what came along, if it belongs to what was begun here."""
        target = urlsplit(self.path)
        came = dict(parse_qsl(target.query))
        is_ours = target.path == "/" and secrets.compare_digest(
            came.get("state", "").encode(), self.server.state.encode()
        )
        if is_ours:
            self.server.came = came
        self.send_response(200 if is_ours else 404)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(_PAGE) if is_ours else 0))
        self.end_headers()
        self.wfile.write(_PAGE if is_ours else b"")

    def log_message(self, *_: object) -> None:
        """Say nothing: the code is a secret."""


def _listen(port: int, state: str) -> _Server:
    try:
        return _Server(port, state)
    except OSError as error:
        raise InvalidRequestError(
            f"cannot be listened at ({error.strerror}); --port names another", f"port {port}"
        ) from None
