"""Ask for a deployment's gate, and wait until it says go; exit with 1 where it says no.

It needs nothing but the Python that runners have. What fails on the way is tried again: only the
gate decides, and at its end the gate itself says no.
"""

import base64
import json
import os
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from typing import Any

TEXTS = (
    "application", "environment", "version", "deployment_id", "deployed_by", "commit", "url",
    "change_number", "type", "template", "planned_start", "planned_end",
)  # fmt: skip
NUMBERS = ("attempt", "wait_minutes")
# A token is asked for again well before it ends.
TOKEN_SECONDS = 600.0
LONGEST_WAIT, TIMEOUT = 60.0, 30.0
# So many requests in a row may fail.
MOST_FAILURES = 20
REFUSED, SIGNED_OUT = range(400, 500), 401
TRY_AGAIN = (SIGNED_OUT, 408, 429)


class Api:
    """The stack's API, by a machine's token."""

    def __init__(self, settings: dict[str, str]) -> None:
        """Take the settings of the step."""
        self._settings = settings
        self._token = ""
        self._token_until = 0.0

    def send(self, method: str, path: str, body: Any = None) -> tuple[Any, float]:
        """Return an answer, and the seconds after which to ask again; failures are repeated."""
        for failures in range(1, MOST_FAILURES + 1):
            wait = min(LONGEST_WAIT, 2.0**failures)
            try:
                return self._sent(method, path, body)
            except urllib.error.HTTPError as error:
                said = error.read().decode(errors="replace")
                if error.code in REFUSED and error.code not in TRY_AGAIN:
                    sys.exit(f"::error::{error.code}: {said}")
                self._token_until = 0.0 if error.code == SIGNED_OUT else self._token_until
                wait = float(error.headers.get("Retry-After") or wait)
            except OSError as error:
                said = str(error)
            print(f"Not answered: {said}", flush=True)
            time.sleep(wait)
        sys.exit("::error::The gate could not be asked.")

    def _sent(self, method: str, path: str, body: Any) -> tuple[Any, float]:
        query = urllib.parse.urlencode({"owner": self._settings["OWNER"]})
        request = urllib.request.Request(  # noqa: S310 - the address is the workflow's own
            f"{self._settings['API_URL'].rstrip('/')}{path}?{query}",
            None if body is None else json.dumps(body).encode(),
            {"Authorization": f"Bearer {self._access()}", "Content-Type": "application/json"},
            method=method,
        )
        with urllib.request.urlopen(request, timeout=TIMEOUT) as answer:  # noqa: S310
            return json.load(answer), float(answer.headers.get("Retry-After") or 30)

    def _access(self) -> str:
        if time.monotonic() >= self._token_until:
            pair = f"{self._settings['CLIENT_ID']}:{self._settings['CLIENT_SECRET']}"
            request = urllib.request.Request(  # noqa: S310
                self._settings["TOKEN_URL"],
                b"grant_type=client_credentials&scope=actionsync%2Ftickets",
                {"Authorization": f"Basic {base64.b64encode(pair.encode()).decode()}",
                 "Content-Type": "application/x-www-form-urlencoded"},
            )  # fmt: skip
            with urllib.request.urlopen(request, timeout=TIMEOUT) as answer:  # noqa: S310
                self._token = json.load(answer)["access_token"]
            self._token_until = time.monotonic() + TOKEN_SECONDS
        return self._token


def wanted(settings: dict[str, str]) -> dict[str, Any]:
    """Return what is asked for: what the step says, without what it leaves empty."""
    texts = {name: settings.get(name.upper(), "") for name in TEXTS}
    numbers = {name: int(settings.get(name.upper()) or 0) for name in NUMBERS}
    return {name: value for name, value in {**texts, **numbers}.items() if value}


def report(gate: dict[str, Any]) -> None:
    """Write the step's outputs."""
    names = {"gate": "id", "change-number": "change_number", "change-sys-id": "change_sys_id",
             "change-url": "change_url"}  # fmt: skip
    with open(os.environ["GITHUB_OUTPUT"], "a", encoding="utf-8") as file:  # noqa: PTH123
        file.writelines(f"{name}={gate[field]}\n" for name, field in names.items())


def main() -> None:
    """Ask, wait, and say what was decided."""
    settings = {
        name.removeprefix("GATE_"): value
        for name, value in os.environ.items()
        if name.startswith("GATE_")
    }
    api = Api(settings)
    gate, wait = api.send("POST", "/api/servicenow/gates", wanted(settings))
    said = ""
    while gate["state"] == "waiting":
        if gate["reason"] != said:
            said = gate["reason"]
            print(f"{said} {gate['change_url']}".strip(), flush=True)
        time.sleep(min(LONGEST_WAIT, wait))
        gate, wait = api.send("GET", f"/api/servicenow/gates/{gate['id']}")
    report(gate)
    print(f"{gate['state']}: {gate['reason']} {gate['change_url']}".strip(), flush=True)
    if gate["state"] != "go":
        sys.exit(f"::error::{gate['reason']}")


if __name__ == "__main__":
    main()
