"""Every invocation payload of events/ does what its name says."""

import json
from typing import TYPE_CHECKING

import pytest

from tests.conftest import call, event, invoke
from tests.template import ROOT

if TYPE_CHECKING:
    from local.servicenow import Simulator
    from tests.conftest import Aws

VALID = {
    "get_config": 200,
    "create_config": 201,
    "update_config": 200,
    "delete_config": 204,
    "test_connection": 200,
    "create_incident": 201,
    "search_incidents": 200,
    "get_incident": 200,
    "update_incident": 200,
    "close_incident": 200,
    "create_change_request": 201,
    "get_change_request": 200,
    "update_change_request": 200,
    "close_change_request": 200,
    "add_work_note": 201,
    "get_choices": 200,
    "show_settings": 200,
    "show_docs": 200,
    "show_asset": 200,
    "show_openapi": 200,
}
# Status, and the fields that the answer names.
INVALID: dict[tuple[str, str], tuple[int, list[str]]] = {
    ("get_config", "invalid_not_signed_in"): (401, []),
    ("create_config", "invalid_http_instance_url"): (422, ["instance_url"]),
    ("create_config", "invalid_private_instance_url"): (422, ["instance_url"]),
    ("create_config", "invalid_password_missing"): (422, ["password"]),
    ("create_config", "invalid_json"): (400, []),
    ("create_config", "invalid_content_type"): (415, []),
    ("update_config", "invalid_host_without_password"): (422, ["password"]),
    ("update_config", "invalid_old_version"): (412, []),
    ("delete_config", "invalid_not_signed_in"): (401, []),
    ("test_connection", "invalid_foreign_host"): (422, ["instance_url"]),
    ("create_incident", "invalid_no_body"): (400, []),
    ("create_incident", "invalid_unknown_field"): (422, ["severity"]),
    ("create_incident", "invalid_query_in_group"): (422, ["assignment_group"]),
    ("search_incidents", "invalid_query_in_group"): (422, ["assignment_group"]),
    ("search_incidents", "invalid_limit"): (422, ["limit"]),
    ("get_incident", "invalid_id"): (422, ["id"]),
    ("update_incident", "invalid_nothing_to_set"): (422, ["body"]),
    ("close_incident", "invalid_notes_missing"): (422, ["close_notes"]),
    ("create_change_request", "invalid_type"): (422, ["type"]),
    ("get_change_request", "invalid_id"): (422, ["id"]),
    ("update_change_request", "invalid_moment"): (422, ["start_date"]),
    ("close_change_request", "invalid_code"): (422, ["close_code"]),
    ("add_work_note", "invalid_table"): (422, ["table"]),
    ("add_work_note", "invalid_blank_note"): (422, ["work_note"]),
    ("get_choices", "invalid_table"): (422, ["table"]),
    ("get_choices", "invalid_field"): (422, ["field"]),
    ("show_asset", "invalid_name"): (404, []),
}


def test_every_event_is_run() -> None:
    """No payload is without an expectation, and no expectation without a payload."""
    files = {(file.parent.name, file.stem) for file in (ROOT / "events").glob("*/*.json")}
    assert files == set(INVALID) | {(function, "valid") for function in VALID}


@pytest.mark.parametrize("function", VALID)
def test_a_valid_event_succeeds(connected: "Simulator", function: str) -> None:
    """The payload of a function's ordinary use is answered as such."""
    put_example_tickets(connected)
    if function == "create_config":
        call("delete_config")
    payload = event(function)
    if function == "create_config":  # whose host is an example's
        payload["body"] = json.dumps(json.loads(payload["body"]) | {"instance_url": connected.url})
    answer = invoke(function, payload)
    assert answer.status == VALID[function], answer.text


@pytest.mark.parametrize(("function", "scenario"), INVALID)
def test_an_invalid_event_is_refused(
    aws: "Aws", connected: "Simulator", function: str, scenario: str
) -> None:
    """The payload of a misuse is refused, names the field, and changes nothing anywhere."""
    if function == "create_config":
        call("delete_config")
    before = (aws.items("ConnectionsTable"), aws.secrets(), len(connected.requests))
    answer = invoke(function, event(function, scenario))
    status, fields = INVALID[function, scenario]
    assert (answer.status, answer.fields) == (status, fields), answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert "made-up-password" not in answer.text
    assert (aws.items("ConnectionsTable"), aws.secrets(), len(connected.requests)) == before


def put_example_tickets(simulator: "Simulator") -> None:
    """Put the tickets that the payloads name into the instance."""
    instance = simulator.instance
    instance.put(
        "incident",
        number="INC0010001",
        short_description="Checkout answers 500",
        state="1",
        incident_state="1",
        impact="2",
        urgency="1",
        priority="2",
    )
    instance.put(
        "change_request",
        number="CHG0030001",
        short_description="Deploy checkout 2.4.0",
        type="normal",
        state="-1",
    )
