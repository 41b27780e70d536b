"""The guides on the deployed stack: each command as written, from the webhook to the ticket."""

import json
import re
import subprocess
import time
import uuid
from typing import TYPE_CHECKING, Any

import pytest

from local.servicenow import seed
from tests.documents import blocks
from tests.e2e.conftest import wait_for
from tests.integration.test_guides import GUIDES, guide
from tests.template import ROOT

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from local.cloud import LocalCloud
    from tests.e2e.conftest import User


@pytest.fixture
def user(cloud: "LocalCloud", new_user: "Callable[[], User]") -> "User":
    """A user with a connection."""
    user = new_user()
    user.connect(cloud)
    return user


def run(script: str, cloud: "LocalCloud", user: "User", folder: "Path", **more: str) -> str:
    """Run commands of a guide, and return what they print."""
    done = subprocess.run(  # noqa: S603 - the guide's own commands
        ["/bin/bash", "-ec", script],
        cwd=folder,
        env={"PATH": "/usr/bin:/bin", "API": cloud.api_url, "TOKEN": user.token, **more},
        capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def states(cloud: "LocalCloud", before: set[str], text: str = "") -> list[str]:
    """Return the states of the incidents that are new and have a text in their title."""
    rows = cloud.simulator.records("incident")
    new = [row for row in rows if row["sys_id"] not in before and text in row["short_description"]]
    return [row["state"] for row in new]


def known(cloud: "LocalCloud") -> set[str]:
    """Return the incidents that there are."""
    return {row["sys_id"] for row in cloud.simulator.records("incident")}


def test_the_first_ticket(
    cloud: "LocalCloud", new_user: "Callable[[], User]", tmp_path: "Path"
) -> None:
    """A new user connects, opens a ticket, and an event's ticket is opened and resolved."""
    user, before = new_user(), known(cloud)
    connect, open_it, happen, end, look = blocks("docs/first-ticket.md", "sh")
    of_simulator = {
        "INSTANCE": cloud.simulator.url,
        "ACCOUNT": seed.INTEGRATION_USER,
        "PASSWORD": seed.USERS[seed.INTEGRATION_USER][0],
    }
    shell = "declare -p WEBHOOK SECRET > state\ndeclare -f say >> state"
    run(f"{connect}\n{open_it}\n{happen}\n{shell}", cloud, user, tmp_path, **of_simulator)
    wait_for("ticket", lambda: states(cloud, before, "Checkout is down") == ["1"])
    run(f"source ./state\n{end}", cloud, user, tmp_path)
    wait_for("end", lambda: states(cloud, before, "Checkout is down") == ["6"])
    assert states(cloud, before, "Checkout answers 500") == ["1"]
    assert "Checkout" in run(look, cloud, user, tmp_path)


@pytest.mark.parametrize("name", GUIDES)
def test_a_guide_of_a_webhook(
    cloud: "LocalCloud", user: "User", tmp_path: "Path", name: str
) -> None:
    """It opens one ticket, and resolves it."""
    before = known(cloud)
    run("\n".join(guide(name)), cloud, user, tmp_path)
    wait_for("ticket that is resolved", lambda: states(cloud, before) == ["6"])


def test_an_event_of_ones_own(cloud: "LocalCloud", user: "User", tmp_path: "Path") -> None:
    """The recipe that the guide saves reads the event that it puts on the bus."""
    event, recipe = map(json.loads, blocks("docs/your-own-event.md", "json"))
    _, _, statuspage = blocks("docs/your-own-event.md", "sh")
    page = f"/{uuid.uuid4().hex[:8]}"
    assert user.call("PUT", "recipes/speed-tests", recipe).status_code == 200
    before = known(cloud)
    for result, state in (("slow", "1"), ("fast", "6")):
        detail = {**event["detail"], "user_id": user.id, "page": page, "result": result}
        entry = {"EventBusName": cloud.outputs["EventBusName"], "Source": event["source"],
                 "DetailType": event["detail-type"], "Detail": json.dumps(detail)}  # fmt: skip
        assert cloud.client("events").put_events(Entries=[entry])["FailedEntryCount"] == 0
        wait_for(f"ticket in state {state}", lambda: states(cloud, before, page) == [state])  # noqa: B023
    run(statuspage, cloud, user, ROOT)


def test_a_recipe_of_ones_own_reads_a_webhook(cloud: "LocalCloud", user: "User") -> None:
    """Statuspage, which can prove nothing: its webhook's address is the secret."""
    asked = json.loads((ROOT / "docs/recipes/statuspage.json").read_text())
    made = user.call("POST", "webhooks/generic", {"name": "statuspage", "verification": "url"})
    assert user.call("PUT", "recipes/statuspage", asked).status_code == 200
    before = known(cloud)
    path = made.json()["path"].removeprefix("/api/servicenow/")
    for body, state in ((asked["triggers"][0], "1"), (asked["end"], "6")):
        body["meta"]["unsubscribe"] = "https://status.example.com/?unsubscribe=secret"
        assert user.call("POST", path, body).json()["status"] == "accepted"
        wait_for(f"ticket in state {state}", lambda: states(cloud, before) == [state])  # noqa: B023
    shown = user.call("GET", f"{path}/deliveries").text
    assert "unsubscribe" not in shown


def test_lines_of_a_log_group(cloud: "LocalCloud", user: "User") -> None:
    """A subscription filter to the stack's function, and a line that it picks out."""
    cloud.automate(user.token)
    assert user.call("PUT", "rules", {"sources": {"logs": {}}}).status_code == 200
    logs, group = cloud.client("logs"), f"/shop/{uuid.uuid4().hex[:8]}"
    logs.create_log_group(logGroupName=group)
    logs.create_log_stream(logGroupName=group, logStreamName="try")
    logs.put_subscription_filter(
        logGroupName=group, filterName="actionsync", filterPattern="ERROR",
        destinationArn=cloud.outputs["LogsFunctionArn"],
    )  # fmt: skip
    before = known(cloud)
    lines: list[Any] = ["ERROR order 4711 failed", "all is well", "ERROR order 4712 failed"]
    now = int(time.time() * 1000)
    logs.put_log_events(
        logGroupName=group, logStreamName="try",
        logEvents=[{"timestamp": now + place, "message": line} for place, line in enumerate(lines)],
    )  # fmt: skip
    wait_for("ticket", lambda: states(cloud, before, group) == ["1"])


def test_an_event_on_the_default_bus(cloud: "LocalCloud", user: "User") -> None:
    """What the guide of AWS's events puts there, where `AwsEvents` names its source."""
    cloud.automate(user.token)
    text = (ROOT / "docs/connect-aws.md").read_text()
    (entries,) = re.findall(r"^`(\[\{.*\}\])`$", text, re.MULTILINE)
    assert user.call("PUT", "rules", {"sources": {"lambda": {}}}).status_code == 200
    before = known(cloud)
    answer = cloud.client("events").put_events(Entries=json.loads(entries))
    assert answer["FailedEntryCount"] == 0
    wait_for("ticket", lambda: states(cloud, before, "orders") == ["1"])
