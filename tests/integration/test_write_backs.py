"""Write-backs: a finding and an OpsItem learn of their ticket, once a status, and nothing loops."""

import json
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.exceptions import ClientError
from botocore.stub import Stubber

from actionsync import aws as clients
from actionsync.events.writebacks import TARGETS, opsitems, securityhub
from actionsync.stores.tickets import Row
from tests.conftest import _forget
from tests.integration.events import NOW, Queues, on_bus, send
from tests.integration.test_event_functions import (  # noqa: F401 - fixtures
    instance,
    made,
    queues,
    save_rules,
)
from tests.integration.two_way import Bus, Office
from tests.template import template

if TYPE_CHECKING:
    from datetime import datetime

    from local.servicenow import Simulator
    from tests.conftest import Aws
    from tests.integration.conftest import Clock

pytestmark = pytest.mark.filterwarnings("ignore:No application metrics:UserWarning")
PRODUCT = "arn:aws:securityhub:us-east-1::product/aws/securityhub"
FINDING = "arn:aws:securityhub:us-east-1:123456789012:subscription/x/finding/1"
ITEM = "oi-0123456789ab"


@pytest.fixture
def office(
    aws: "Aws",
    instance: "Simulator",  # noqa: F811
    queues: Queues,  # noqa: F811
    time: "Clock",
    monkeypatch: pytest.MonkeyPatch,
) -> Office:
    """People and a stack that looks, for which both write-backs are on."""
    monkeypatch.setenv("WRITE_BACKS", "securityhub,ssm")
    monkeypatch.setenv("ACCOUNT_ID", "123456789012")
    save_rules(aws, "automation", sources={"securityhub": {}, "ssm": {}})
    return Office(instance, queues, time, Bus(monkeypatch))


class Called:
    """Takes the place of a client: what it is asked for has to fit botocore's service model."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, service: str, name: str) -> None:
        self.client = boto3.client(service, region_name="us-east-1")  # type: ignore[call-overload]
        self.asked: list[dict[str, Any]] = []
        self.is_away = False
        make = self.client._make_api_call

        def call(operation: str, arguments: dict[str, Any]) -> Any:
            if self.is_away:
                raise ClientError({"Error": {"Code": "ThrottlingException"}}, operation)
            with Stubber(self.client) as stub:
                method = {"BatchUpdateFindings": "batch_update_findings",
                          "UpdateOpsItem": "update_ops_item"}[operation]  # fmt: skip
                answer: dict[str, Any] = {"ProcessedFindings": [], "UnprocessedFindings": []}
                stub.add_response(method, answer if method.startswith("batch") else {}, arguments)
                self.asked.append(arguments)
                return make(operation, arguments)

        monkeypatch.setattr(self.client, "_make_api_call", call)
        monkeypatch.setattr(clients, name, lambda _: self.client)


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Called:
    """Security Hub."""
    return Called(monkeypatch, "securityhub", "security_hub")


@pytest.fixture
def ops(monkeypatch: pytest.MonkeyPatch) -> Called:
    """Systems Manager."""
    return Called(monkeypatch, "ssm", "systems_manager")


def finding(status: str = "NEW", at: "datetime" = NOW, severity: str = "HIGH") -> dict[str, Any]:
    """Return a record with a finding."""
    detail = {
        "findings": [
            {
                "ProductArn": PRODUCT, "Id": FINDING, "AwsAccountId": "123456789012",
                "Region": "us-east-1", "Title": "S3 bucket is public", "Description": "It is.",
                "Severity": {"Label": severity}, "Workflow": {"Status": status},
                "RecordState": "ACTIVE", "UpdatedAt": at.strftime("%Y-%m-%dT%H:%M:%SZ"),
                "Resources": [{"Id": "arn:aws:s3:::bucket", "Type": "AwsS3Bucket"}],
            }
        ]
    }  # fmt: skip
    return on_bus("Security Hub Findings - Imported", detail, source="aws.securityhub", at=at)


def ops_item(status: str = "Open", at: "datetime" = NOW) -> dict[str, Any]:
    """Return a record with an OpsItem."""
    detail = {"ops-item-id": ITEM, "title": "Disk full", "status": status, "description": "x",
              "source": "EC2"}  # fmt: skip
    kind = "OpsItem Create" if status == "Open" else "OpsItem Update"
    return on_bus(kind, detail, source="aws.ssm", at=at)


def test_a_finding_follows_its_ticket(office: Office, hub: Called) -> None:
    """NOTIFIED with the number, RESOLVED at its end, NOTIFIED when reopened; each once."""
    assert send("event", finding()) == []
    (ticket,) = made(office.instance)
    (asked,) = hub.asked
    assert asked["FindingIdentifiers"] == [{"Id": FINDING, "ProductArn": PRODUCT}]
    assert asked["Workflow"] == {"Status": "NOTIFIED"}
    assert ticket["number"] in asked["Note"]["Text"]
    # What Security Hub makes of our write opens nothing, and is no news.
    office.time.advance(seconds=5)
    writes = len(office.instance.requests)
    assert send("event", finding("NOTIFIED", office.time.moment)) == []
    office.look()
    office.edit(ticket["sys_id"], state="6", close_code="Solution provided", close_notes="Done")
    office.look()
    assert [each["Workflow"]["Status"] for each in hub.asked] == ["NOTIFIED", "RESOLVED"]
    office.time.advance(seconds=5)
    assert send("event", finding("RESOLVED", office.time.moment)) == []
    office.look()
    office.edit(ticket["sys_id"], state="2")
    office.look()
    assert [each["Workflow"]["Status"] for each in hub.asked][2:] == ["NOTIFIED"]
    assert len(made(office.instance)) == 1
    notes = [row for row in office.instance.records("sys_journal_field")
             if row["element_id"] == ticket["sys_id"]]  # fmt: skip
    assert notes == []
    assert {request.method for request in office.instance.requests[writes:]} == {"GET"}


def test_an_end_by_the_finding_itself_settles(office: Office, hub: Called) -> None:
    """We resolve the ticket; the finding learns of it once, and then all is quiet."""
    send("event", finding())
    office.time.advance(minutes=10)
    assert send("event", finding("RESOLVED", office.time.moment)) == []
    (ticket,) = made(office.instance)
    assert ticket["state"] == "6"
    for _ in range(3):
        office.look()
        send("event", finding("RESOLVED", office.time.moment))
    assert [each["Workflow"]["Status"] for each in hub.asked] == ["NOTIFIED", "RESOLVED"]


def test_what_is_not_taken_is_written_by_the_next_look(office: Office, hub: Called) -> None:
    """Security Hub is throttled at the opening; the ticket is made all the same."""
    hub.is_away = True
    assert send("event", finding()) == []
    assert len(made(office.instance)) == 1
    hub.is_away = False
    assert hub.asked == []
    office.look()
    assert [each["Workflow"]["Status"] for each in hub.asked] == ["NOTIFIED"]


def test_an_opsitem_follows_its_ticket(office: Office, ops: Called) -> None:
    """Open, in progress, resolved, each with the ticket's number."""
    assert send("event", ops_item()) == []
    (ticket,) = made(office.instance)
    office.edit(ticket["sys_id"], state="2")
    office.look()
    office.time.advance(seconds=5)
    assert send("event", ops_item("InProgress", office.time.moment)) == []
    office.edit(ticket["sys_id"], state="6", close_code="Solution provided", close_notes="Done")
    office.look()
    assert send("event", ops_item("Resolved", office.time.moment)) == []
    office.look()
    assert [each["Status"] for each in ops.asked] == ["Open", "InProgress", "Resolved"]
    assert {each["OpsItemId"] for each in ops.asked} == {ITEM}
    data = ops.asked[0]["OperationalData"]["/actionsync/ticket"]
    assert data["Value"].startswith(ticket["number"])
    assert len(made(office.instance)) == 1


def test_they_are_off_by_default(
    office: Office, hub: Called, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And another account's finding is left alone."""
    monkeypatch.setenv("ACCOUNT_ID", "999999999999")
    _forget()
    send("event", finding())
    assert len(made(office.instance)) == 1
    assert hub.asked == []
    resources, parameters = template()["Resources"], template()["Parameters"]
    policies = {"FindingWriteBackPolicy": "SecurityHubWriteBack",
                "OpsItemWriteBackPolicy": "OpsItemWriteBack"}  # fmt: skip
    for policy, parameter in policies.items():
        assert parameters[parameter]["Default"] == "false"
        condition = template()["Conditions"][resources[policy]["Condition"]]
        assert condition == {"Fn::Equals": [{"Ref": parameter}, "true"]}
        (statement,) = resources[policy]["Properties"]["PolicyDocument"]["Statement"]
        assert "*" not in json.dumps(statement["Action"])
        assert "${AWS::AccountId}" in statement["Resource"]["Fn::Sub"]


@pytest.mark.parametrize(
    ("source", "table", "columns", "status"),
    [
        ("securityhub", "incident", {"state": "1"}, "NOTIFIED"),
        ("securityhub", "incident", {"state": "3"}, "NOTIFIED"),
        ("securityhub", "incident", {"state": "6", "close_code": "Solution provided"}, "RESOLVED"),
        ("securityhub", "incident", {"state": "7", "close_code": "Duplicate"}, "SUPPRESSED"),
        ("securityhub", "incident", {"state": "8"}, "SUPPRESSED"),
        ("securityhub", "sn_si_incident", {"state": "16"}, "NOTIFIED"),
        ("securityhub", "sn_si_incident", {"state": "3", "close_code": "x"}, "RESOLVED"),
        ("securityhub", "sn_si_incident", {"state": "3", "close_code": "False positive"},
         "SUPPRESSED"),
        ("securityhub", "sn_si_incident", {"state": "7"}, "SUPPRESSED"),
        ("ssm", "incident", {"state": "1"}, "Open"),
        ("ssm", "incident", {"state": "2"}, "InProgress"),
        ("ssm", "incident", {"state": "7"}, "Resolved"),
    ],
)  # fmt: skip
def test_each_state_has_its_status(
    source: str, table: str, columns: dict[str, str], status: str
) -> None:
    """By table, state and close code."""
    key = f"123456789012\nus-east-1\n{ITEM}" if source == "ssm" else f"{PRODUCT}\n{FINDING}"
    row = Row(1, table, "0" * 32, "ada", columns=columns, origin={"source": source, "key": key})
    assert TARGETS[source].status_of(row) == status


def test_what_is_no_opsitem_has_none() -> None:
    """Systems Manager also reports commands, windows and compliance."""
    row = Row(1, "incident", "0" * 32, "ada", columns={"state": "1"},
              origin={"source": "ssm", "key": "123456789012\nus-east-1\nmw-1"})  # fmt: skip
    assert opsitems.status_of(row) == ""
    assert "NOTIFIED" not in securityhub.SUPPRESSED
