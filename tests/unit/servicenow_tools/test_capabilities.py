"""What an instance allows its user."""

import asyncio
from typing import TYPE_CHECKING

import pytest

from local.servicenow import Fault, Simulator, faults
from servicenow_tools.auth import BasicAuth
from servicenow_tools.errors import AuthenticationError, UnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable

    from servicenow_tools import Capability, ServiceNowClient

    Connect = Callable[..., ServiceNowClient]


def _ask(client: "ServiceNowClient") -> "dict[str, Capability]":
    async def ask() -> "list[Capability]":
        async with client:
            return await client.capabilities()

    found = asyncio.run(ask())
    return {capability.name: capability for capability in found}


def test_what_the_integration_user_sees(simulator: Simulator, connect: "Connect") -> None:
    """Everything that the user may read is named in ServiceNow's own codes, by reads alone."""
    found = _ask(connect())
    assert found["roles"].status == "yes"
    assert "itil" in found["roles"].values
    assert "Solution provided" in found["incident_close_codes"].values
    assert found["change_close_codes"].values == (
        "successful", "successful_issues", "unsuccessful",
    )  # fmt: skip
    assert {"1", "6", "7"} <= set(found["incident_states"].values)
    assert {"-5", "3"} <= set(found["change_states"].values)
    assert found["change_models"].status == "yes"
    assert found["language"].status == "unknown"
    assert found["own_approval"].status == "no"
    assert all(capability.means for capability in found.values())
    assert all(each.remedy for each in found.values() if each.status == "unknown")
    assert {request.method for request in simulator.requests} == {"GET"}
    assert len(simulator.requests) <= 15


def test_a_language_of_ones_own(connect: "Connect") -> None:
    """A user's own language and time zone come before the system's."""
    found = _ask(connect("gerda.schmidt"))
    assert found["language"].values == ("de",)
    assert found["time_zone"].values == ("Europe/Berlin",)


def test_what_an_administrator_sees(connect: "Connect") -> None:
    """Columns that are mandatory to open and to resolve show to who may read them."""
    found = _ask(connect("admin"))
    assert "short_description" in found["mandatory_to_open_incident"].values
    assert {"close_code", "close_notes"} <= set(found["mandatory_to_close_incident"].values)
    assert found["mandatory_to_open_change"].status == "yes"
    assert found["own_approval"].values == ("admin",)
    assert found["own_approval"].remedy


def test_journals_are_proven_by_a_note_of_ones_own(connect: "Connect") -> None:
    """Without a note nobody knows; with one, it shows that the journal may be read."""
    assert _ask(connect())["journals"].status == "unknown"

    async def note() -> None:
        async with connect() as client:
            await client.incidents.add_work_note("INC0000001", "hello")

    asyncio.run(note())
    assert _ask(connect())["journals"].status == "yes"


def test_who_has_no_role(connect: "Connect") -> None:
    """Who may look at nothing gets an answer for each question all the same."""
    found = _ask(connect("nobody"))
    assert found["roles"].status == "unknown"
    assert found["roles"].remedy
    assert found["mandatory_to_open_incident"].status == "unknown"
    assert found["own_approval"].status == "unknown"


def test_a_role_that_is_missing(simulator: Simulator, connect: "Connect") -> None:
    """Who can read roles but not write learns which role is missing."""
    simulator.instance.add_user("auditor", "secret", "user_admin", "sn_incident_write")
    found = _ask(connect(auth=BasicAuth("auditor", "secret")))
    assert found["roles"].status == "no"
    assert "cannot open changes" in found["roles"].means


def test_an_approver_without_a_role(simulator: Simulator, connect: "Connect") -> None:
    """Who was asked for an approval may approve, whatever the roles."""
    me = simulator.one("sys_user", user_name="actionsync.integration")
    simulator.instance.put("sysapproval_approver", approver=me["sys_id"], state="requested")
    assert _ask(connect())["own_approval"].status == "yes"


def test_what_is_closed_is_unknown(simulator: Simulator, connect: "Connect") -> None:
    """Tables that are closed, and an API that is not there, are no failure."""
    for path in ("*/table/sys_[!u]*", "*/table/sysapproval*", "*/change/model"):
        simulator.faults.add(
            faults.error(403, "User Not Authorized", "Failed API level ACL Validation",
                         path=path, times=None)
        )  # fmt: skip
    found = _ask(connect())
    assert found["change_models"].status == "unknown"
    assert found["incident_close_codes"].status == "unknown"
    assert found["incident_states"].status == "unknown"
    assert found["journals"].status == "no"


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (faults.error(401, "User Not Authenticated", None, times=None), AuthenticationError),
        (Fault(status=503, body={"error": {"message": "x", "detail": None}}, times=None),
         UnavailableError),
    ],
)  # fmt: skip
def test_an_instance_that_fails(
    simulator: Simulator, connect: "Connect", fault: Fault, error: type[Exception]
) -> None:
    """Is no answer."""
    simulator.faults.add(fault)
    with pytest.raises(error):
        _ask(connect(deadline=0.5))
