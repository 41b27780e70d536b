"""A gate on the deployed stack: a workflow's step waits with a machine's token, and goes on."""

import os
import subprocess
import sys
import uuid
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from actionsync.stores.teams import TeamStore
from local.cloud import ROOT
from operate.team import create
from tests.e2e.conftest import User, wait_for
from tests.e2e.test_two_way import push
from tests.integration.gates import approve

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from local.cloud import LocalCloud

ACTION = ROOT / ".github/actions/servicenow-gate/gate.py"


def test_a_workflow_waits_until_its_change_is_approved(
    cloud: "LocalCloud", tmp_path: "Path"
) -> None:
    """The GitHub action's own script asks for a team's gate, and succeeds once it is go."""
    client_id = cloud.outputs["MachineClientId"]
    team = f"shop-{uuid.uuid4().hex[:8]}"
    outputs = tmp_path / "outputs"
    outputs.touch()
    of_team = f"?owner=team/{team}"
    with in_team(cloud, team, client_id) as editor:
        editor.connect(cloud, path=f"connections{of_team}", name="default")
        step = begun(cloud, team, client_id, outputs)
        try:
            change = wait_for("change", lambda: submitted(cloud, team))
            (gate,) = editor.call("GET", f"gates{of_team}&state=waiting").json()["items"]
            approve(cloud.simulator, change["number"])
            hook = editor.call("POST", f"webhooks/servicenow{of_team}").json()
            assert push(editor, hook, change["sys_id"], "change_request") == 202
            printed, _ = step.communicate(timeout=90)
        finally:
            step.kill()
        shown = editor.call("GET", f"gates/{gate['id']}{of_team}").json()
        editor.call("DELETE", f"connections/default{of_team}")
    assert step.returncode == 0, printed
    assert f"{change['number']} is in the state Scheduled" in printed
    known = dict(line.split("=", 1) for line in outputs.read_text().splitlines())
    assert (known["gate"], known["change-sys-id"]) == (gate["id"], change["sys_id"])
    assert (shown["state"], shown["change_number"]) == ("go", change["number"])
    row = cloud.simulator.one("change_request", sys_id=change["sys_id"])
    assert row["state"] == "-1", "it is in Implement before the deployment begins"


def begun(
    cloud: "LocalCloud", team: str, client_id: str, outputs: "Path"
) -> "subprocess.Popen[str]":
    """Begin the action's step as a runner does."""
    return subprocess.Popen(  # noqa: S603 - our own script
        [sys.executable, ACTION],
        env={
            "PATH": os.environ["PATH"],
            "GITHUB_OUTPUT": str(outputs),
            "GATE_API_URL": cloud.api_url,
            "GATE_TOKEN_URL": f"{cloud.front.url}/oauth2/token",
            "GATE_CLIENT_ID": client_id,
            "GATE_CLIENT_SECRET": secret_of(cloud, client_id),
            "GATE_OWNER": f"team/{team}",
            "GATE_APPLICATION": team,
            "GATE_ENVIRONMENT": "production",
            "GATE_DEPLOYMENT_ID": "4711",
            "GATE_ATTEMPT": "1",
            "GATE_WAIT_MINUTES": "60",
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def submitted(cloud: "LocalCloud", application: str) -> dict[str, str] | None:
    """Return the change of an application's deployment, once its approval is asked for."""
    rows = cloud.simulator.records("change_request")
    found = [
        row for row in rows if application in row["short_description"] and row["state"] == "-4"
    ]
    return found[0] if found else None


@contextmanager
def in_team(cloud: "LocalCloud", team: str, machine: str) -> "Iterator[User]":
    """Make a team with a machine, and lend a user who may change what it has."""
    cognito, pool = cloud.client("cognito-idp"), cloud.outputs["UserPoolId"]
    email = f"{uuid.uuid4().hex}@example.com"
    cloud.make_user(email)
    cognito.create_group(UserPoolId=pool, GroupName=team)
    cognito.admin_add_user_to_group(UserPoolId=pool, Username=email, GroupName=team)
    store = TeamStore(cloud.client("dynamodb"), cloud.resource("ConnectionsTable"))
    create(store, team, {"members": (), "editors": (team,), "machines": (machine,)})
    token = cloud.sign_in(email)
    with cloud.http(token) as http:
        yield User(http, token)


def secret_of(cloud: "LocalCloud", client_id: str) -> str:
    """Return a client's secret."""
    described: Any = cloud.client("cognito-idp").describe_user_pool_client(
        UserPoolId=cloud.outputs["UserPoolId"], ClientId=client_id
    )
    secret: str = described["UserPoolClient"]["ClientSecret"]
    return secret
