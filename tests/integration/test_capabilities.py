"""GET /api/servicenow/capabilities: asked once a day, and again when something changed."""

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from actionsync import clock
from local.servicenow import faults, seed
from tests.conftest import _forget, call
from tests.integration.conftest import connect

if TYPE_CHECKING:
    from local.servicenow import Simulator
    from tests.conftest import Aws


def _asked(simulator: "Simulator") -> int:
    return sum(request.path.endswith("/sys_user_has_role") for request in simulator.requests)


def _find(**query: str) -> dict[str, Any]:
    answer = call("get_capabilities", query=query)
    assert answer.status == 200, answer.json
    found: dict[str, Any] = answer.json
    return found


def test_what_follows_is_said(aws: "Aws", connected: "Simulator") -> None:
    """Each answer has what was found, what follows and what can be changed."""
    found = _find()
    assert found["instance"] == connected.url
    by_name = {each["name"]: each for each in found["capabilities"]}
    assert by_name["roles"]["status"] == "yes"
    assert "itil" in by_name["roles"]["values"]
    assert by_name["journals"]["remedy"]


def test_it_is_remembered_for_a_day(
    aws: "Aws", connected: "Simulator", monkeypatch: pytest.MonkeyPatch
) -> None:
    """The instance is asked once, unless the caller wants to know afresh or a day has gone by."""
    first = _find()
    assert _find() == first
    assert _asked(connected) == 1
    _find(fresh="true")
    assert _asked(connected) == 2
    later = clock.now() + timedelta(hours=25)
    monkeypatch.setattr(clock, "now", lambda: later)
    assert _find()["as_of"] == clock.iso(later)
    assert _asked(connected) == 3


def test_a_test_makes_it_forgotten(aws: "Aws", connected: "Simulator") -> None:
    """After a test of the connection, good or bad, the instance is asked again."""
    _find()
    call("test_connection", None)
    _find()
    assert _asked(connected) == 3  # the test asks, too
    connected.faults.add(faults.error(403, "User Not Authorized", None, path="*/incident*"))
    assert not call("test_connection", None).json["success"]
    _find()
    assert _asked(connected) == 5


def test_a_refusal_makes_it_forgotten(aws: "Aws", connected: "Simulator") -> None:
    """A 403 of any call may mean that a role is gone."""
    _find()
    connected.faults.add(faults.error(403, "User Not Authorized", None, path="*/incident*"))
    assert call("create_incident", {"short_description": "x"}).status == 424
    _find()
    assert _asked(connected) == 2


def test_another_connection_is_another_answer(aws: "Aws", connected: "Simulator") -> None:
    """Of a connection that was made again nothing is known."""
    _find()
    call("delete_config")
    _forget()
    connect(connected, seed.INTEGRATION_USER)
    _find()
    assert _asked(connected) == 2
