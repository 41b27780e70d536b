"""Deploying, looking at a stack and removing it: what is asked of AWS, and in which order."""

import io
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import httpx
import pytest
import yaml
from botocore.exceptions import ClientError
from botocore.stub import Stubber

from local.account import read
from operate import deploy, forget_user, gradual, redrive, remove, smoke
from operate.__main__ import COMMANDS, EXIT_CODES, main
from operate.outcome import DONE, FAILED, REFUSED, FailedError, Progress, RefusedError
from tests.template import ROOT

if TYPE_CHECKING:
    from mypy_boto3_sqs.client import SQSClient

    from tests.conftest import Aws

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
    assert deploy.profile_of("default", ROOT)["stack_name"] == "actionsync"
    assert deploy.profile_of("prod", ROOT)["parameter_overrides"] == "file://deploy/prod.yaml"
    assert "Stage: prod" in (ROOT / "deploy/prod.yaml").read_text().splitlines()
    with pytest.raises(RefusedError, match=r"no \[staging.deploy.parameters\]"):
        deploy.profile_of("staging", ROOT)
    (tmp_path / "samconfig.toml").write_text("[staging.deploy.parameters]\nstack_name = 'a'\n")
    with pytest.raises(RefusedError, match=r"deploy/staging\.yaml"):
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


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout with a build, and a SAM CLI that writes down how it was called."""
    for name in ("samconfig.toml", "deploy"):
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, tmp_path / name)
    source = {"Type": "AWS::Lambda::EventSourceMapping"}
    none = {"Default": 0}
    numbers = {"MaxConcurrency": {"Default": 2}, "ReservedConcurrency": none}
    numbers |= {"HttpConcurrency": none}
    built = {"Parameters": numbers, "Resources": dict.fromkeys("abcde", source)}
    (tmp_path / gradual.BUILT).parent.mkdir(parents=True)
    (tmp_path / gradual.BUILT).write_text(yaml.safe_dump(built))
    sam = tmp_path / "sam"
    sam.write_text('#!/bin/sh\necho "$@" >>called\nexit ${SAM_EXIT:-0}\n')
    sam.chmod(0o755)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def clients(monkeypatch: pytest.MonkeyPatch, *services: str) -> list[Any]:
    """Let the commands get these clients, whose answers are stubbed."""
    made = {name: boto3.client(name) for name in services}  # type: ignore[call-overload] # any
    monkeypatch.setattr(boto3, "client", lambda name, **_: made[name])
    # Some commands set another one.
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", boto3.DEFAULT_SESSION)
    stubs = [Stubber(client) for client in made.values()]
    for stub in stubs:
        stub.activate()
    return stubs


def test_a_deployment(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """SAM deploys the build, without a question if so asked; a small account is warned."""
    account, stacks = clients(monkeypatch, "lambda", "cloudformation")
    limit = {"AccountLimit": {"ConcurrentExecutions": 10}}
    account.add_response("get_account_settings", limit)
    stacks.add_response("describe_stacks", described(PAGE), {"StackName": "actionsync"})
    words = ["deploy", "--sam", "./sam", "--yes", "--region", "eu-west-1"]
    assert main(words) == DONE
    options = "--config-env default --template-file .aws-sam/build/template.yaml"
    called = f"deploy {options} --no-confirm-changeset --region eu-west-1\n"
    assert (here / "called").read_text() == called
    said = capsys.readouterr()
    assert said.out == f"actionsync is deployed: {PAGE}\n"
    assert "runs 10 functions at once, and 5 queues may take 10" in said.err
    monkeypatch.setenv("SAM_EXIT", "7")
    account.add_response("get_account_settings", limit)
    assert main(words) == FAILED
    assert "`sam deploy` ended with 7" in capsys.readouterr().err


def test_a_domain_is_known_beforehand(tmp_path: Path) -> None:
    """With DomainName, one deployment is enough: the template lists the address by itself."""
    cloudformation = boto3.client("cloudformation")
    answer = described("http://localhost:8000/settings")
    domain = {"ParameterKey": "DomainName", "ParameterValue": "tickets.example.com"}
    answer["Stacks"][0]["Parameters"].append(domain)
    file, times = tmp_path / "prod.yaml", []
    with Stubber(cloudformation) as stub:
        stub.add_response("describe_stacks", answer)
        deploy.deploy(lambda: times.append(1), cloudformation, "actionsync", file)
    assert times == [1]
    assert not file.exists()


def test_what_an_account_cannot_give_is_said() -> None:
    """Queues that may take all there is, and reservations that AWS refuses."""
    template = read(ROOT / "template.yaml")
    assert not list(deploy.warnings(template, {"MaxConcurrency": 100}, 1000))
    (few,) = deploy.warnings(template, {}, 10)
    assert "aws service-quotas request-service-quota-increase" in few
    (reserved,) = deploy.warnings(template, {"ReservedConcurrency": "181"}, 1000)
    assert "take 905 of 1000" in reserved


@pytest.mark.parametrize(
    ("words", "gone", "said"),
    [
        (["deploy", "staging", "--sam", "./sam"], "", "no [staging.deploy.parameters]"),
        (["deploy", "--sam", "./sam"], ".aws-sam/build/template.yaml", "`make build` makes it"),
        (["deploy", "--sam", "./no-sam"], "", "SAM CLI is not on PATH"),
        (["gradual"], ".aws-sam/build/template.yaml", "There is no .aws-sam/build/template.yaml"),
        (["gradual", "prod"], "deploy/prod.yaml", "There is no deploy/prod.yaml"),
    ],
)
def test_what_is_missing_is_said(
    here: Path, capsys: pytest.CaptureFixture[str], words: list[str], gone: str, said: str
) -> None:
    """Before anything is done, in one sentence, and without a trace."""
    if gone:
        (here / gone).unlink()
    assert main(words) == REFUSED
    answer = capsys.readouterr()
    assert said in answer.err
    assert answer.err.count("\n") == 1


def test_a_gradual_template_is_written_beside_the_build(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """With the profile's parameters; what is said next can be typed."""
    monkeypatch.setattr(gradual, "gradual", lambda *given: {"given": list(given[1:])})
    assert main(["gradual", "prod", "--steps", "AllAtOnce"]) == DONE
    written = yaml.safe_load((here / ".aws-sam/build/gradual.yaml").read_text())
    assert written["given"] == ["AllAtOnce", {"Stage": "prod", "LogRetentionDays": 90}]
    assert "actionsync deploy prod --template" in capsys.readouterr().out


def status(name: str, reason: str = "") -> dict[str, Any]:
    """Return what CloudFormation says of a stack in a state."""
    answer: dict[str, Any] = described()
    answer["Stacks"][0] |= {"StackStatus": name, "StackStatusReason": reason, "StackId": "arn:1"}
    return answer


def resources(*states: str) -> dict[str, Any]:
    """Return a page of a stack's resources in these states."""
    known = {"LogicalResourceId": "A", "ResourceType": "t", "LastUpdatedTimestamp": "2026-01-01"}
    return {"StackResourceSummaries": [known | {"ResourceStatus": state} for state in states]}


def test_a_stack_is_removed_before_its_secrets(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What a function made meanwhile goes, too; another stack's stays; how far it is, is said."""
    monkeypatch.setattr(remove, "_POLL_SECONDS", 0)
    monkeypatch.setattr("sys.stdin", io.StringIO("actionsync\n"))
    stacks, secrets = clients(monkeypatch, "cloudformation", "secretsmanager")
    calls: list[str] = []
    for stub in (stacks, secrets):
        stub.client.meta.events.register(
            "before-parameter-build.*.*", lambda model, **_: calls.append(model.name)
        )
    filters = {"Filters": [{"Key": "name", "Values": ["actionsync/actionsync/"]}]}
    names = [{"Name": "actionsync/actionsync/a"}, {"Name": "ActionSync/actionsync/b"}]
    stacks.add_response("describe_stacks", status("CREATE_COMPLETE"), {"StackName": "actionsync"})
    secrets.add_response("list_secrets", {"SecretList": names}, filters)
    stacks.add_response("delete_stack", {}, {"StackName": "arn:1"})
    stacks.add_response("describe_stacks", status("DELETE_IN_PROGRESS"), {"StackName": "arn:1"})
    stacks.add_response("list_stack_resources", resources("DELETE_COMPLETE", "CREATE_COMPLETE"))
    stacks.add_response("describe_stacks", status("DELETE_COMPLETE"))
    secrets.add_response(
        "list_secrets", {"SecretList": [*names, {"Name": "actionsync/actionsync/c"}]}, filters
    )
    for name in ("a", "c"):
        gone = {"SecretId": f"actionsync/actionsync/{name}", "RecoveryWindowInDays": 7}
        secrets.add_response("delete_secret", {}, gone)

    assert main(["remove", "actionsync"]) == DONE

    assert calls[-6:] == [
        "DescribeStacks", "ListStackResources", "DescribeStacks",
        "ListSecrets", "DeleteSecret", "DeleteSecret",
    ]  # fmt: skip
    said = capsys.readouterr()
    assert "1 secrets of its users" in said.out
    assert said.out.endswith("actionsync is gone, and 2 secrets with it.\n")
    assert "1 resources are left\n" in said.err
    assert "1 of 2 secrets are deleted\n" in said.err


@pytest.mark.parametrize("stage", ["prod", "dev"])
def test_nothing_is_removed_by_mistake(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], stage: str
) -> None:
    """A protected stack refuses; any other one wants its name typed."""
    monkeypatch.setattr("sys.stdin", io.StringIO("no\n"))
    stacks, secrets = clients(monkeypatch, "cloudformation", "secretsmanager")
    stacks.add_response("describe_stacks", described(stage=stage))
    secrets.add_response("list_secrets", {"SecretList": []})
    assert main(["remove", "actionsync", *(["--yes"] if stage == "prod" else [])]) == REFUSED
    said = capsys.readouterr().err
    assert ("Stage prod" if stage == "prod" else "Nothing was deleted.") in said


def test_removing_goes_on_where_it_stopped(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The stack is gone, its secrets are not: they go. With none, there is nothing to remove."""
    stacks, secrets = clients(monkeypatch, "cloudformation", "secretsmanager")
    for _ in range(2):
        stacks.add_client_error("describe_stacks", "ValidationError", "does not exist")
    secrets.add_response("list_secrets", {"SecretList": [{"Name": "actionsync/actionsync/a"}]})
    secrets.add_response("delete_secret", {})
    secrets.add_response("list_secrets", {"SecretList": []})
    assert main(["remove", "actionsync", "--yes"]) == DONE
    assert "The stack actionsync is gone. This deletes what it left" in capsys.readouterr().out
    assert main(["remove", "actionsync", "--yes"]) == REFUSED
    stacks.add_client_error("describe_stacks", "AccessDenied", "no")
    with pytest.raises(ClientError, match="AccessDenied"):
        remove.find(stacks.client, "actionsync")


def test_what_cloudformation_cannot_delete_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """In CloudFormation's own words; no secret is touched."""
    (stacks,) = clients(monkeypatch, "cloudformation")
    stacks.add_response("delete_stack", {})
    stacks.add_response("describe_stacks", status("DELETE_FAILED", "AuditTable is protected"))
    with pytest.raises(FailedError, match="AuditTable is protected"):
        remove.delete_stack(stacks.client, "arn:1", print)


def letters(sqs: "SQSClient", url: str) -> list[Any]:
    """Return a queue's messages, hidden from nobody."""
    found = sqs.receive_message(
        QueueUrl=url,
        MaxNumberOfMessages=10,
        MessageAttributeNames=["All"],
        VisibilityTimeout=0,
    )
    return list(found.get("Messages", []))


def test_dead_letters_go_back_and_come_to_an_end(
    aws: "Aws", monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """All of them, also more than one answer holds; what dies again meanwhile is left."""
    monkeypatch.setattr(redrive, "WAIT_SECONDS", 0)
    sqs = boto3.client("sqs")
    queue = sqs.create_queue(QueueName="queue")["QueueUrl"]
    dead = sqs.create_queue(QueueName="dead")["QueueUrl"]
    outputs = {"ErrorDeadLettersUrl": dead, "ErrorQueueUrl": queue}
    for number in range(25):
        sqs.send_message(QueueUrl=dead, MessageBody=str(number))
    assert redrive.redrive(sqs, outputs, ("Error",), print) == 25
    assert "25 dead letters are back in their queues so far (Error)" in capsys.readouterr().out
    put_back = letters(sqs, queue)
    assert put_back
    # The same queue for both: each letter comes back at once, and the run still ends.
    assert redrive.redrive(sqs, {**outputs, "ErrorDeadLettersUrl": queue}, ("Error",)) == 25


def test_letters_of_others_are_looked_at_once(aws: "Aws", monkeypatch: pytest.MonkeyPatch) -> None:
    """However slow it is: a letter that comes into sight again ends the search."""
    monkeypatch.setattr(forget_user, "_HIDDEN_SECONDS", 0)
    monkeypatch.setattr(forget_user, "WAIT_SECONDS", 0)
    sqs = boto3.client("sqs")
    url = sqs.create_queue(QueueName="dead")["QueueUrl"]
    named = (
        '{"detail": {"user_id": "ada"}}',
        '{"Message": "{\\"user_id\\": \\"ada\\"}"}',
        '{"version": 1, "webhook": {"owner": "ada"}}',
        '{"version": 1, "owner": "ada"}',
    )
    for body in (*named, '{"detail": {"user_id": "bob"}}', "no JSON", "[]", '{"Message": "text"}'):
        sqs.send_message(QueueUrl=url, MessageBody=body)
    stack = forget_user.Stack(
        aws.dynamodb, aws.secrets_manager, sqs, None, {"ErrorDeadLetters": url}, "", None
    )
    assert forget_user._letters(stack, "Error", "ada", print) == len(named)
    assert len(letters(sqs, url)) == 4


def test_exit_codes_are_documented() -> None:
    """The help of each command has them, and docs/operations.md has the same."""
    codes = [line.split()[0] for line in EXIT_CODES.splitlines()[1:]]
    assert codes == ["0", "1", "2", "3", "130"]
    assert {DONE, FAILED, REFUSED} <= {int(code) for code in codes}
    table = (ROOT / "docs/operations.md").read_text().partition("| exit code |")[2]
    rows = table.partition("\n\n")[0].splitlines()[2:]
    assert [row.split("|")[1].strip(" `") for row in rows] == codes


@pytest.mark.parametrize("name", COMMANDS)
def test_help_explains(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """What it does, what it takes, and how it ends."""
    with pytest.raises(SystemExit) as ended:
        main([name, "--help"])
    assert ended.value.code == 0
    said = capsys.readouterr().out
    assert said.startswith(f"usage: actionsync {name} ")
    assert f"`actionsync {name}`: " in said
    assert "exit codes:" in said


@pytest.mark.parametrize("words", [[], ["redrives"], ["redrive"], ["forget-user", "actionsync"]])
def test_a_wrong_command_line_ends_with_two(words: list[str]) -> None:
    """And changes nothing."""
    with pytest.raises(SystemExit) as ended:
        main(words)
    assert ended.value.code == 2


def test_what_aws_refuses_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """AWS's own words, exit code 1, no trace; an interruption is 130."""
    (stacks,) = clients(monkeypatch, "cloudformation")
    stacks.add_client_error("describe_stacks", "ValidationError", "Stack x does not exist")
    assert main(["redrive", "x"]) == FAILED
    assert "Stack x does not exist\n" in capsys.readouterr().err

    def interrupt(_: Any) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(redrive, "run", interrupt)
    assert main(["redrive", "x"]) == 130


def test_a_profile_of_aws_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    """Region and profile are those of all calls."""
    given: dict[str, Any] = {}
    monkeypatch.setattr(boto3, "setup_default_session", lambda **options: given.update(options))
    monkeypatch.setattr(smoke, "run", lambda _: DONE)
    assert main(["smoke", "https://x", "--aws-profile", "it", "--region", "eu-west-1"]) == DONE
    assert given == {"profile_name": "it", "region_name": "eu-west-1"}


def test_progress_is_said_now_and_then(capsys: pytest.CaptureFixture[str]) -> None:
    """At once, and then not with each step; on standard error."""
    say = Progress(every=60)
    for number in range(1000):
        say(f"step {number}")
    said = capsys.readouterr()
    assert (said.out, said.err) == ("", "step 0\n")
