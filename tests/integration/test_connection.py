"""POST /api/servicenow/test: the stored connection, and one that is still being typed."""

from typing import TYPE_CHECKING, Any

import pytest

from local.servicenow import faults, seed
from tests.conftest import call

if TYPE_CHECKING:
    from local.servicenow import Fault, Simulator
    from tests.conftest import Aws


def typed(simulator: "Simulator", **changes: Any) -> dict[str, Any]:
    """Return a connection as a person types it."""
    good = {
        "instance_url": simulator.url,
        "username": seed.INTEGRATION_USER,
        "password": seed.USERS[seed.INTEGRATION_USER][0],
    }
    return {name: value for name, value in (good | changes).items() if value is not None}


def test_the_stored_connection(connected: "Simulator") -> None:
    """Without a body the stored connection is tested."""
    report = call("test_connection", None).json
    assert report["success"] is True
    assert report["instance"] == connected.url
    assert [check["name"] for check in report["checks"]] == [
        "reachable",
        "signed_in",
        "read_incidents",
        "write_incidents",
        "write_change_requests",
    ]


def test_without_a_stored_connection(aws: "Aws", simulator: "Simulator") -> None:
    """There is nothing to test, and nothing to take a password from."""
    assert call("test_connection", None).status == 404
    answer = call("test_connection", typed(simulator, password=None))
    assert (answer.status, answer.fields) == (422, ["password"])


def test_a_typed_connection_is_tested_and_not_kept(aws: "Aws", simulator: "Simulator") -> None:
    """A person may test before saving; nothing is stored."""
    assert call("test_connection", typed(simulator)).json["success"] is True
    assert aws.items("ConnectionsTable") == []
    assert aws.secrets() == {}


def test_a_stored_password_serves_its_own_host_and_user_only(connected: "Simulator") -> None:
    """What is typed without a password uses the stored one, unless host or user differ."""
    assert call("test_connection", typed(connected, password=None)).json["success"] is True
    answer = call("test_connection", typed(connected, username="admin", password=None))
    assert (answer.status, answer.fields) == (422, ["password"])


@pytest.mark.parametrize(
    ("fault", "stage", "words"),
    [
        (None, "signed_in", "Check the user name and the password"),
        (faults.hibernating(times=None), "reachable", "wake it"),
        (faults.unavailable(times=None), "reachable", "overloaded"),
        (
            faults.error(403, "Insufficient rights", None, path="*/incident", times=None),
            "read_incidents",
            "role",
        ),
    ],
)
def test_each_failure_tells_what_to_do(
    aws: "Aws", simulator: "Simulator", fault: "Fault | None", stage: str, words: str
) -> None:
    """The answer is 200 and names the stage, ServiceNow's own words and the remedy."""
    if fault is not None:
        simulator.faults.add(fault)
    wrong = {} if fault is not None else {"password": "wrong-password"}
    answer = call("test_connection", typed(simulator, **wrong))
    assert (answer.status, answer.json["success"]) == (200, False)
    failed = next(check for check in answer.json["checks"] if check["status"] == "failed")
    assert failed["name"] == stage
    assert words in failed["message"]
    assert failed["servicenow"]["status"] in {200, 401, 403, 503}
    assert "wrong-password" not in answer.text


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"instance_url": "http://localhost"}, "instance_url"),
        ({"instance_url": "https://10.0.0.1"}, "instance_url"),
        ({"instance_url": 7}, "instance_url"),
        ({"username": "a:b"}, "username"),
        ({"username": ""}, "username"),
        ({"password": ""}, "password"),
        ({"verify": False}, "verify"),
    ],
)
def test_a_wrong_field_is_named(
    connected: "Simulator", changes: dict[str, Any], field: str
) -> None:
    """Bad input is refused before the instance is asked."""
    answer = call("test_connection", typed(connected, **changes))
    assert (answer.status, answer.fields) == (422, [field])
    assert connected.requests == []


def test_a_secret_of_another_host_is_not_used(
    aws: "Aws", connected: "Simulator", monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever becomes of the item, a password reaches no other host than its own."""
    (item,) = aws.items("ConnectionsTable")
    item["instance_url"] = {"S": "https://evil.service-now.com"}
    aws.dynamodb.put_item(TableName="ConnectionsTable", Item=item)
    assert call("test_connection", None).status == 409
    assert connected.requests == []


def test_a_missing_secret_is_reported(aws: "Aws", connected: "Simulator") -> None:
    """The caller learns that saving the connection again repairs it."""
    (name,) = aws.secrets()
    aws.secrets_manager.delete_secret(SecretId=name, ForceDeleteWithoutRecovery=True)
    answer = call("test_connection", None)
    assert answer.status == 409
    assert "Save it again" in answer.json["detail"]
