"""A deployed stack's own HTTP API, as the settings of one user see it."""

import os
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Mapping
from typing import Any

import httpx

from .outcome import FailedError, RefusedError

_BASE = "/api/servicenow"
_NOT_FOUND, _CHANGED, _UNAUTHORIZED, _FORBIDDEN = 404, 412, 401, 403
_FAILURES = 400


class ApiError(FailedError):
    """The stack refused a request.

    Attributes:
        status: the HTTP status.
        errors: the fields that are wrong, each with its message.
    """

    def __init__(self, what: str, answer: httpx.Response) -> None:
        """Take what was asked for, and the answer."""
        try:
            document = answer.json()
        except ValueError:
            document = {}
        document = document if isinstance(document, dict) else {}
        self.status = answer.status_code
        self.errors: list[dict[str, str]] = document.get("errors") or []
        detail = document.get("detail") or document.get("message") or answer.reason_phrase
        named = "; ".join(f"{error['field']}: {error['message']}" for error in self.errors)
        super().__init__(f"{what}: {self.status} {named or detail}")


class PlanAgainError(FailedError):
    """Somebody has changed what was planned for."""


class Api:
    """The API of a stack, signed in.

    Args:
        http: speaks to the stack, whose address is its base URL, with a user's token.
        owner: the team whose settings they are, as team/<name>; empty for the user's own.
    """

    def __init__(self, http: httpx.Client, owner: str = "") -> None:
        self._http = http
        self._params = {"owner": owner} if owner else {}

    def get(self, path: str) -> tuple[dict[str, Any], str] | None:
        """Return a document and its ETag, or None where there is none."""
        answer = self._send("GET", path)
        if answer.status_code == _NOT_FOUND:
            return None
        return self._document(f"GET {path}", answer), answer.headers.get("etag", "")

    def post(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """Return what a request made or found out."""
        return self._document(f"POST {path}", self._send("POST", path, body))

    def put(self, path: str, body: Mapping[str, Any], etag: str) -> None:
        """Replace a document that is still as it was read.

        Raises:
            PlanAgainError: it is not.
        """
        headers = {"If-Match": etag} if etag else {}
        answer = self._send("PUT", path, body, headers)
        if answer.status_code == _CHANGED:
            raise PlanAgainError(f"{path} has been changed meanwhile: plan again")
        self._document(f"PUT {path}", answer)

    def patch(self, path: str, body: Mapping[str, Any]) -> None:
        """Change a part of a document."""
        self._document(f"PATCH {path}", self._send("PATCH", path, body))

    def delete(self, path: str) -> None:
        """Remove what may be gone already."""
        answer = self._send("DELETE", path)
        if answer.status_code != _NOT_FOUND and answer.status_code >= _FAILURES:
            raise ApiError(f"DELETE {path}", answer)

    def _send(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> httpx.Response:
        try:
            answer = self._http.request(
                method, f"{_BASE}{path}", params=self._params, json=body, headers=headers
            )
        except httpx.HTTPError as error:
            raise FailedError(f"{method} {path}: {str(error) or type(error).__name__}") from None
        if answer.status_code == _UNAUTHORIZED:
            raise RefusedError(f"the stack does not accept the token: {ApiError(path, answer)}")
        if answer.status_code == _FORBIDDEN:
            raise RefusedError(f"the token's user may not do this: {ApiError(path, answer)}")
        return answer

    @staticmethod
    def _document(what: str, answer: httpx.Response) -> dict[str, Any]:
        if answer.status_code >= _FAILURES:
            raise ApiError(what, answer)
        try:
            document = answer.json()
        except ValueError:
            document = None
        if not isinstance(document, dict):
            raise FailedError(f"{what}: the answer is not the API's: is the address right?")
        return document


def add_arguments(parser: ArgumentParser) -> None:
    """Say how a command reaches a stack."""
    parser.add_argument("--url", help="the stack's output ApiUrl; default: ACTIONSYNC_URL")
    parser.add_argument("--owner", default="", help="a team, as team/<name>; default: the user")
    parser.add_argument(
        "--token-stdin",
        action="store_true",
        help="a user's access token comes by stdin, not by ACTIONSYNC_TOKEN",
    )


def connect(arguments: Namespace) -> httpx.Client:
    """Return what speaks to the stack that a command line names.

    Raises:
        RefusedError: the address or the token is missing.
    """
    url = arguments.url or os.environ.get("ACTIONSYNC_URL", "")
    token = sys.stdin.read() if arguments.token_stdin else os.environ.get("ACTIONSYNC_TOKEN", "")
    if not url.startswith(("https://", "http://localhost", "http://127.0.0.1")):
        raise RefusedError("--url or ACTIONSYNC_URL has to be the stack's https address")
    if not token.strip():
        raise RefusedError("A token is needed: ACTIONSYNC_TOKEN, or --token-stdin")
    headers = {"Authorization": f"Bearer {token.strip()}"}
    return httpx.Client(base_url=url.rstrip("/"), headers=headers, timeout=60)
