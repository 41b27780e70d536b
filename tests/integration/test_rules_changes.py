"""What changed in the last two hours: a ticket names the deployments of its service."""

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from actionsync import clock
from tests.integration.events import USER, deployment, error, send
from tests.integration.test_event_functions import (  # noqa: F401 - fixtures
    instance,
    made,
    queues,
)

if TYPE_CHECKING:
    from local.servicenow import Simulator
    from tests.integration.conftest import Clock


def deployed(status: str, **detail: Any) -> dict[str, Any]:
    """Return a deployment of the checkout, some minutes ago."""
    at = clock.now() - timedelta(minutes=10)
    return deployment(status, user_id=USER, application="Checkout", deployment_id="7",
                      version="2.4", occurred_at=clock.iso(at), **detail)  # fmt: skip


@pytest.mark.parametrize(
    ("environment", "others", "is_named"),
    [("production", "production", True), ("production", "", True), ("", "production", True),
     ("staging", "production", False)],
)  # fmt: skip
def test_a_ticket_names_what_changed(
    instance: "Simulator",  # noqa: F811 - a fixture's name
    environment: str,
    others: str,
    *,
    is_named: bool,
) -> None:
    """Of its own application, whatever case, where the environment is the same or unknown."""
    send("deployment", deployed("started", environment=environment))
    (change,) = made(instance, "change_request")
    send("deployment", deployed("succeeded", environment=environment))
    send("error", error(severity="high", environment=others))
    send("error", error(severity="high", service="another"))
    rows = {row["short_description"].partition(":")[0]: row for row in made(instance)}
    line = f"- {change['number']}: Checkout 2.4"
    assert (line in rows["checkout"]["description"]) == is_named
    assert ("succeeded" in rows["checkout"]["description"]) == is_named
    assert "What changed" not in rows["another"]["description"]


def test_after_two_hours_nothing_is_named(
    instance: "Simulator",  # noqa: F811
    time: "Clock",
) -> None:
    """And a failed deployment's own incident names its change as its cause, no more."""
    send("deployment", deployed("started"))
    time.advance(hours=2)
    send("error", error(severity="high"))
    (row,) = made(instance)
    assert "What changed" not in row["description"]
