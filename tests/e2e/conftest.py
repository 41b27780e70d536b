"""Users of the deployed product."""

import contextlib
import json
import time
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from local.cloud import token_claims
from local.servicenow import seed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import httpx

    from local.cloud import LocalCloud


@dataclass
class User:
    """A signed-in user of the deployed API."""

    http: "httpx.Client"
    token: str

    @property
    def id(self) -> str:
        """The user's id: the token's `sub`."""
        return str(token_claims(self.token)["sub"])

    def call(self, method: str, path: str, body: Any = None, **options: Any) -> "httpx.Response":
        """Call the API below /api/servicenow/."""
        return self.http.request(method, f"/api/servicenow/{path}", json=body, **options)

    def connect(
        self,
        cloud: "LocalCloud",
        username: str = seed.INTEGRATION_USER,
        password: str | None = None,
        path: str = "config",
        **more: str,
    ) -> None:
        """Store a connection to the simulator, with the demo data's password unless given one."""
        body = {
            "instance_url": cloud.simulator.url,
            "username": username,
            "password": password or seed.USERS[username][0],
            **more,
        }
        answer = self.call("POST", path, body)
        assert answer.status_code == 201, answer.text


def wait_for(what: str, found: "Callable[[], Any]", seconds: float = 60) -> Any:
    """Return what is found, as soon as it is there."""
    ends_at = time.monotonic() + seconds
    while time.monotonic() < ends_at:
        if result := found():
            return result
        time.sleep(0.2)
    raise AssertionError(f"In {seconds} s there was no {what}")


def put(cloud: "LocalCloud", detail_type: str, detail: dict[str, Any]) -> None:
    """Put an event on the stack's bus."""
    answer = cloud.client("events").put_events(
        Entries=[
            {
                "EventBusName": cloud.outputs["EventBusName"],
                "Source": "my.application",
                "DetailType": detail_type,
                "Detail": json.dumps(detail),
            }
        ]
    )
    assert answer["FailedEntryCount"] == 0


@pytest.fixture
def new_user(cloud: "LocalCloud") -> "Iterator[Callable[[], User]]":
    """A maker of users nobody has seen before; they leave nothing behind."""
    with contextlib.ExitStack() as stack:
        users = []

        def make() -> User:
            token = cloud.sign_in(f"{uuid.uuid4().hex}@example.com")
            user = User(stack.enter_context(cloud.http(token)), token)
            users.append(user)
            return user

        yield make
        cloud.simulator.faults.clear()
        for user in users:
            user.call("DELETE", "config")
