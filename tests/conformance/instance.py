"""An instance as the conformance suite sees it: over raw HTTP, slowly, and leaving nothing behind.

The suite judges the client as well as the simulator, so it speaks HTTP by httpx alone.
"""

import contextlib
import json
import os
import re
import ssl
import time
from collections import defaultdict
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

import httpx
import pytest

# What every record of the suite's own has in its column `correlation_display`, or at the beginning
# of its name where it has none: what is found with it was left behind by a run that was stopped.
MARK = "actionsync conformance"
_DEVELOPER_INSTANCE = re.compile(r"dev\d{4,}\.service-now\.com")
_MARKED_BY = {"incident": "correlation_display", "change_request": "correlation_display",
              "problem": "correlation_display"}  # fmt: skip
_SECONDS_OF_ONE_REQUEST = 60.0
_MOST_TRIES = 4


@dataclass(frozen=True)
class User:
    """Whom the instance knows; the password shows nowhere."""

    name: str
    password: str = field(repr=False)

    @classmethod
    def of_environment(cls, host: str, prefix: str) -> Self | None:
        """Return who the environment or the keyring names, if anybody.

        Args:
            host: the instance's, the keyring's name of the service.
            prefix: `SERVICENOW` or `SERVICENOW_ADMIN`: the variables are `<prefix>_USERNAME`
                and `<prefix>_PASSWORD`. Without the latter, the keyring is asked.
        """
        name = os.environ.get(f"{prefix}_USERNAME", "")
        if not name:
            return None
        password = os.environ.get(f"{prefix}_PASSWORD", "") or _of_keyring(host, name)
        return cls(name, password) if password else None


def _of_keyring(host: str, user_name: str) -> str:
    if find_spec("keyring") is None:
        return ""
    import keyring  # noqa: PLC0415 - not everybody has it

    return keyring.get_password(host, user_name) or ""


@dataclass
class Exchange:
    """One request of a check and its answer."""

    method: str
    path: str
    params: dict[str, str]
    sent: Any
    status: int
    headers: dict[str, str]
    body: Any


class Instance:
    """One ServiceNow instance, or the simulator.

    Args:
        url: `https://` and its host.
        user: who asks.
        admin: who may delete and close; without one, some checks are left out.
        name: what reports call it.
        ca_file: a PEM file of an authority to trust beside those of this machine.
        rate: the most requests a second; 0 for no limit.
        writable_host: the host that may be written to although it is no developer instance.
    """

    def __init__(
        self,
        url: str,
        user: User,
        admin: User | None = None,
        *,
        name: str = "",
        ca_file: str | None = None,
        rate: float = 0.0,
        writable_host: str = "",
    ) -> None:
        self.url = url.rstrip("/")
        self.host = urlsplit(self.url).netloc
        self.name = name or self.host
        self.user = user
        self.admin = admin
        self.exchanges: list[Exchange] = []
        self.left_behind: list[str] = []
        self._may_write = writable_host == self.host or bool(
            _DEVELOPER_INSTANCE.fullmatch(self.host)
        )
        self._wait = 1 / rate if rate else 0.0
        self._asked_at = 0.0
        self._made: dict[str, list[str]] = defaultdict(list)
        context = ssl.create_default_context()
        if ca_file:
            context.load_verify_locations(ca_file)
        self._http = httpx.Client(
            base_url=self.url,
            verify=context,
            timeout=_SECONDS_OF_ONE_REQUEST,
            headers={"Accept": "application/json"},
        )

    # ---- requests

    def request(
        self,
        method: str,
        path: str,
        *,
        by: User | None = None,
        anonymous: bool = False,
        again: bool = True,
        **options: Any,
    ) -> httpx.Response:
        """Return the answer to one request, as `httpx.Client.request` takes it.

        A 429 is waited for as it says; what reads is asked again where the instance did not
        answer at all, or only its gateway did.

        Args:
            method: the HTTP method.
            path: below the instance's address.
            by: who asks, if not the suite's user.
            anonymous: ask without credentials.
            again: whether the request may be repeated.
            **options: further arguments of httpx.
        """
        who = by or self.user
        auth = None if anonymous else httpx.BasicAuth(who.name, who.password)
        for tries in range(1, _MOST_TRIES + 1):
            self._slow_down()
            last = tries == _MOST_TRIES or not again
            try:
                answer = self._http.request(method, path, auth=auth, **options)
            except httpx.TransportError:
                if last or method not in {"GET", "HEAD"}:
                    raise
                time.sleep(tries)
                continue
            self._http.cookies.clear()
            if last or not _is_passing(method, answer):
                break
            time.sleep(min(float(answer.headers.get("Retry-After", tries)), 60.0))
        self.exchanges.append(_exchange(method, path, options, answer))
        return answer

    def get(self, path: str, **options: Any) -> httpx.Response:
        """Return the answer to a GET."""
        return self.request("GET", path, **options)

    def rows(self, table: str, query: str = "", **parameters: Any) -> list[dict[str, Any]]:
        """Return the rows of a table that an encoded query finds.

        Args:
            table: its name.
            query: the encoded query.
            **parameters: `sysparm_` parameters by what follows that prefix.
        """
        params = {f"sysparm_{name}": str(value) for name, value in parameters.items()}
        if query:
            params["sysparm_query"] = query
        answer = self.get(f"/api/now/table/{table}", params=params)
        if answer.status_code in {401, 403}:
            pytest.skip(f"{self.user.name} may not read {table}")
        assert answer.status_code == 200, answer.text
        found: list[dict[str, Any]] = answer.json()["result"]
        return found

    # ---- records of the suite's own

    def may_write(self) -> None:
        """Leave the check out where this instance must not be written to."""
        if not self._may_write:
            pytest.skip(
                f"{self.host} is no developer instance: WRITE={self.host} says that it may be "
                "written to"
            )

    def post(self, table: str, columns: dict[str, Any], **options: Any) -> httpx.Response:
        """Return the answer to the making of a marked record."""
        self.may_write()
        marked = {**columns, _MARKED_BY.get(table, "correlation_display"): MARK}
        answer = self.request("POST", f"/api/now/table/{table}", json=marked, **options)
        if answer.status_code == 201 and answer.content:
            self._made[table].append(sys_id_of(answer.json()["result"]))
        return answer

    def create(self, table: str, **columns: Any) -> dict[str, Any]:
        """Return a new, marked record; making it is no part of what a check exchanges."""
        answer = self.post(table, {"short_description": MARK, **columns})
        self.exchanges.pop()
        if answer.status_code == 403:
            pytest.skip(f"{self.user.name} may not open {table}: {answer.text}")
        assert answer.status_code == 201, answer.text
        record: dict[str, Any] = answer.json()["result"]
        return record

    def remember(self, table: str, sys_id: str) -> None:
        """Remove a record that was made otherwise, too, at the end."""
        self._made[table].append(sys_id)

    def patch(self, table: str, sys_id: str, **columns: Any) -> httpx.Response:
        """Return the answer to a change of a record of the suite's own."""
        self.may_write()
        return self.request("PATCH", f"/api/now/table/{table}/{sys_id}", json=columns)

    def read(self, table: str, sys_id: str, fields: str = "", **parameters: Any) -> dict[str, Any]:
        """Return a record."""
        params = {f"sysparm_{name}": str(value) for name, value in parameters.items()}
        if fields:
            params["sysparm_fields"] = fields
        answer = self.get(f"/api/now/table/{table}/{sys_id}", params=params)
        assert answer.status_code == 200, answer.text
        record: dict[str, Any] = answer.json()["result"]
        return record

    def find_left_overs(self) -> None:
        """Find what was left behind, by an earlier run or a request without an answer."""
        for table, column in _MARKED_BY.items():
            params = {
                "sysparm_query": f"{column}={MARK}",
                "sysparm_fields": f"sys_id,{column}",
                "sysparm_limit": "1000",
            }
            with contextlib.suppress(httpx.TransportError):
                answer = self.get(f"/api/now/table/{table}", params=params)
                if answer.status_code != 200:
                    continue
                self._made[table] += [
                    row["sys_id"] for row in answer.json()["result"] if row[column] == MARK
                ]

    def remove_all(self) -> None:
        """Remove what this run and earlier ones made; what cannot be is in `left_behind`."""
        self.find_left_overs()
        for table, made in self._made.items():
            for sys_id in dict.fromkeys(made):
                try:
                    answer = self.request(
                        "DELETE", f"/api/now/table/{table}/{sys_id}", by=self.admin
                    )
                    gone, why = answer.status_code in {204, 404}, str(answer.status_code)
                except httpx.TransportError as error:
                    gone, why = False, type(error).__name__
                if not gone:
                    self.left_behind.append(f"{table} {sys_id} ({why})")
        self._made.clear()
        self._http.close()

    def _slow_down(self) -> None:
        wait = self._asked_at + self._wait - time.monotonic()
        if wait > 0:
            time.sleep(wait)
        self._asked_at = time.monotonic()


def sys_id_of(record: dict[str, Any]) -> str:
    """Return a record's sys_id, in whichever form an API answers it."""
    value = record["sys_id"]
    return str(value["value"] if isinstance(value, dict) else value)


def _is_passing(method: str, answer: httpx.Response) -> bool:
    """Return whether the answer says nothing of the question, and asking again does no harm."""
    if answer.status_code == 429:
        return True
    return method in {"GET", "HEAD"} and answer.status_code in {502, 503, 504}


def _exchange(method: str, path: str, options: dict[str, Any], answer: httpx.Response) -> Exchange:
    sent = options.get("json", options.get("content", options.get("data")))
    try:
        body = answer.json() if answer.content else None
    except (json.JSONDecodeError, UnicodeDecodeError):
        body = f"<{len(answer.content)} bytes>"
    params = {name: str(value) for name, value in dict(options.get("params") or {}).items()}
    return Exchange(
        method, path, params, _plain(sent), answer.status_code, dict(answer.headers), body
    )


def _plain(sent: Any) -> Any:
    if isinstance(sent, bytes):
        return f"<{len(sent)} bytes>"
    return sent


def of_environment() -> Instance | None:
    """Return the instance that `make conformance INSTANCE=` names, if one is named.

    Raises:
        pytest.UsageError: it cannot be used as it is named.
    """
    url = os.environ.get("INSTANCE", "")
    if not url:
        return None
    parts = urlsplit(url)
    if parts.scheme != "https" or not parts.netloc or "@" in parts.netloc:
        raise pytest.UsageError("INSTANCE= is an address such as https://dev00000.service-now.com")
    user = User.of_environment(parts.netloc, "SERVICENOW")
    if user is None:
        raise pytest.UsageError(
            "Who signs in? Set SERVICENOW_USERNAME, and SERVICENOW_PASSWORD or a password in the "
            f"keyring for {parts.netloc}"
        )
    return Instance(
        f"https://{parts.netloc}",
        user,
        User.of_environment(parts.netloc, "SERVICENOW_ADMIN"),
        rate=float(os.environ.get("RATE", "5")),
        writable_host=os.environ.get("WRITE", ""),
    )


def recordings() -> Path:
    """Return the folder of recordings, one folder in it a release."""
    return Path(__file__).parents[1] / "recordings"
