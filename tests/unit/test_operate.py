"""Deploying, looking at a stack and removing it: what is asked of AWS, and in which order."""

from pathlib import Path
from typing import Any

import boto3
import httpx
import pytest
from botocore.stub import Stubber

from operate import deploy, remove, smoke
from tests.template import ROOT

PAGE = "https://abc.execute-api.us-east-1.amazonaws.com/settings"


def described(page_urls: str = "http://localhost:8000/settings", stage: str = "dev") -> Any:
    """Return what CloudFormation says of a stack."""
    return {
        "Stacks": [
            {
                "StackName": "actionsync",
                "CreationTime": "2026-01-01T00:00:00Z",
                "StackStatus": "CREATE_COMPLETE",
                "Outputs": [
                    {"OutputKey": "SettingsUrl", "OutputValue": PAGE},
                    {"OutputKey": "UserPoolId", "OutputValue": "pool"},
                ],
                "Parameters": [
                    {"ParameterKey": "PageUrls", "ParameterValue": page_urls},
                    {"ParameterKey": "Stage", "ParameterValue": stage},
                ],
            }
        ]
    }


def deployed(file: Path, page_urls: str) -> list[str]:
    """Deploy a stack that has these page URLs, and return the file as each deployment read it."""
    cloudformation = boto3.client("cloudformation")
    read: list[str] = []
    with Stubber(cloudformation) as stub:
        stub.add_response("describe_stacks", described(page_urls), {"StackName": "actionsync"})
        outputs = deploy.deploy(
            lambda: read.append(file.read_text()), cloudformation, "actionsync", file
        )
    assert outputs["SettingsUrl"] == PAGE
    return read


def test_the_address_that_aws_made_is_deployed_too(tmp_path: Path) -> None:
    """One command: the first deployment makes the address, the second lets sign-in come back."""
    file = tmp_path / "prod.yaml"
    file.write_text("# What the stack gets.\nStage: prod\n")
    first, second = deployed(file, "http://localhost:8000/settings")
    assert "PageUrls" not in first
    assert second == f"# What the stack gets.\nStage: prod\nPageUrls: [{PAGE}]\n"


def test_a_domain_of_ones_own_stays(tmp_path: Path) -> None:
    """Addresses that are listed already are kept beside the one that AWS made."""
    file = tmp_path / "prod.yaml"
    file.write_text("PageUrls: [https://tickets.example.com/settings]\nStage: prod\n")
    _, second = deployed(file, "https://tickets.example.com/settings")
    assert second == f"Stage: prod\nPageUrls: [{PAGE}, https://tickets.example.com/settings]\n"


def test_an_address_that_is_known_is_deployed_once(tmp_path: Path) -> None:
    """Later deployments are one, and leave the file as it is."""
    file = tmp_path / "prod.yaml"
    file.write_text(f"PageUrls: [{PAGE}]\n")
    assert deployed(file, PAGE) == [f"PageUrls: [{PAGE}]\n"]


def test_a_profile_has_its_stack_and_its_file(tmp_path: Path) -> None:
    """Profiles have parameters, and prod is protected; what is missing is named."""
    assert deploy.profile_of("default")["stack_name"] == "actionsync"
    assert deploy.profile_of("prod")["parameter_overrides"] == "file://deploy/prod.yaml"
    assert "Stage: prod" in (ROOT / "deploy/prod.yaml").read_text().splitlines()
    with pytest.raises(deploy.DeployError, match=r"no \[staging.deploy.parameters\]"):
        deploy.profile_of("staging")
    (tmp_path / "samconfig.toml").write_text("[staging.deploy.parameters]\nstack_name = 'a'\n")
    with pytest.raises(deploy.DeployError, match=r"deploy/staging\.yaml"):
        deploy.profile_of("staging", tmp_path)


def stack(answers: dict[str, tuple[int, Any]]) -> httpx.Client:
    """Return a client of a stack that answers so."""

    def answer(request: httpx.Request) -> httpx.Response:
        path = request.url.path
        if path.startswith("/api/") and "authorization" not in request.headers:
            return httpx.Response(answers.get("unsigned", (401, {}))[0])
        works = {"success": True, "message": "The connection works."}
        status, body = answers.get(path, (200, works))
        return httpx.Response(status, json=body)

    return httpx.Client(base_url="https://stack", transport=httpx.MockTransport(answer))


def test_a_good_stack_passes() -> None:
    """Pages answer, calls need a token, and the user's connection works."""
    checks = smoke.smoke(stack({}), "token")
    assert [check.seen for check in checks] == [
        "200", "200", "200", "401", "200", "200", "The connection works.",
    ]  # fmt: skip
    assert all(check.good for check in checks)


def test_a_user_without_a_connection_passes() -> None:
    """Nothing is stored yet: that is no fault of the stack."""
    *_, last = smoke.smoke(stack({"/api/servicenow/config": (404, {})}), "token")
    assert (last.good, last.seen) == (True, "404")


@pytest.mark.parametrize(
    ("answers", "failed"),
    [
        ({"/settings": (500, {})}, "the Settings page"),
        ({"unsigned": (200, {})}, "no answer without a token"),
        ({"/api/servicenow/health": (502, {})}, "health"),
        (
            {"/api/servicenow/test": (200, {"success": False, "message": "Wrong password."})},
            "the connection works",
        ),
        ({"/api/servicenow/test": (502, "no report")}, "the connection works"),
    ],
)
def test_what_is_wrong_is_named(answers: dict[str, tuple[int, Any]], failed: str) -> None:
    """The one check fails; the others are still made."""
    checks = smoke.smoke(stack(answers), "token")
    assert [check.what for check in checks if not check.good] == [failed]
    assert len(checks) == 7


def test_a_stack_that_cannot_be_reached_is_said() -> None:
    """Each check names the reason."""

    def refuse(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("Connection refused", request=request)

    http = httpx.Client(base_url="https://stack", transport=httpx.MockTransport(refuse))
    assert {check.seen for check in smoke.smoke(http)} == {"Connection refused"}


def test_a_protected_stack_is_known() -> None:
    """Stage prod protects what it holds."""
    cloudformation = boto3.client("cloudformation")
    with Stubber(cloudformation) as stub:
        for stage in ("prod", "dev"):
            stub.add_response("describe_stacks", described(stage=stage))
        assert remove.is_protected(cloudformation, "actionsync")
        assert not remove.is_protected(cloudformation, "actionsync")


def test_secrets_go_once_the_stack_is_gone() -> None:
    """First the functions, then what they made; another stack's secrets stay."""
    cloudformation, secrets_manager = boto3.client("cloudformation"), boto3.client("secretsmanager")
    calls: list[str] = []
    for client in (cloudformation, secrets_manager):
        client.meta.events.register(
            "before-parameter-build.*.*", lambda model, **_: calls.append(model.name)
        )
    with Stubber(cloudformation) as stacks, Stubber(secrets_manager) as secrets:
        stacks.add_response("delete_stack", {}, {"StackName": "actionsync"})
        gone = described()
        gone["Stacks"][0]["StackStatus"] = "DELETE_COMPLETE"
        stacks.add_response("describe_stacks", gone, {"StackName": "actionsync"})
        listed = [{"Name": "actionsync/actionsync/a"}, {"Name": "ActionSync/actionsync/b"}]
        filters = [{"Key": "name", "Values": ["actionsync/actionsync/"]}]
        secrets.add_response("list_secrets", {"SecretList": listed}, {"Filters": filters})
        secrets.add_response(
            "delete_secret", {}, {"SecretId": "actionsync/actionsync/a", "RecoveryWindowInDays": 7}
        )
        assert remove.remove(cloudformation, secrets_manager, "actionsync") == 1
        secrets.assert_no_pending_responses()
    assert calls == ["DeleteStack", "DescribeStacks", "ListSecrets", "DeleteSecret"]
