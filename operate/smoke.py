"""`actionsync smoke`: see whether a deployed stack answers as it should, without changing anything.

With a user's token the user's connection is tested, too, if there is one.
"""

import sys
from argparse import ArgumentParser, Namespace
from dataclasses import dataclass

import httpx

from .outcome import DONE, FAILED

_OK, _UNAUTHORIZED, _NOT_FOUND = 200, 401, 404


@dataclass(frozen=True, slots=True)
class Check:
    """What was looked at, whether it was as it should be, and what was seen."""

    what: str
    good: bool
    seen: str


def smoke(http: httpx.Client, token: str = "") -> list[Check]:
    """Return what a stack answers.

    Args:
        http: speaks to the stack, whose address is its base URL.
        token: a user's access token.
    """
    checks = [
        _check(http, "the Settings page", "/settings", (_OK,)),
        _check(http, "the API reference", "/docs", (_OK,)),
        _check(http, "the OpenAPI document", "/openapi.json", (_OK,)),
        _check(http, "no answer without a token", "/api/servicenow/config", (_UNAUTHORIZED,)),
    ]
    if not token:
        return checks
    signed_in = {"Authorization": f"Bearer {token}"}
    checks.append(_check(http, "health", "/api/servicenow/health", (_OK,), signed_in))
    connection = _check(
        http, "the user's connection", "/api/servicenow/config", (_OK, _NOT_FOUND), signed_in
    )
    checks.append(connection)
    if connection.seen == str(_OK):
        checks.append(_tested(http, signed_in))
    return checks


def _check(
    http: httpx.Client,
    what: str,
    path: str,
    wanted: tuple[int, ...],
    headers: dict[str, str] | None = None,
) -> Check:
    try:
        answer = http.get(path, headers=headers)
    except httpx.HTTPError as error:
        return Check(what, good=False, seen=str(error) or type(error).__name__)
    return Check(what, answer.status_code in wanted, str(answer.status_code))


def _tested(http: httpx.Client, headers: dict[str, str]) -> Check:
    what = "the connection works"
    try:
        answer = http.post("/api/servicenow/test", headers=headers)
        report = answer.json()
        return Check(what, report["success"] is True, report["message"])
    except (httpx.HTTPError, ValueError, KeyError, TypeError) as error:
        return Check(what, good=False, seen=str(error) or type(error).__name__)


def add_arguments(parser: ArgumentParser) -> None:
    """Say what the command takes."""
    parser.add_argument("url", help="the stack's output ApiUrl")
    parser.add_argument("--token-stdin", action="store_true", help="a user's token comes by stdin")


def run(arguments: Namespace) -> int:
    """Look, and say what was seen."""
    token = sys.stdin.readline().strip() if arguments.token_stdin else ""
    with httpx.Client(base_url=arguments.url, timeout=35) as http:
        checks = smoke(http, token)
    for check in checks:
        print(f"{'ok  ' if check.good else 'FAIL'}  {check.what}: {check.seen}")
    return DONE if all(check.good for check in checks) else FAILED
