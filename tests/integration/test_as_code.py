"""Settings as files: exported, planned, applied and watched, through the API's own functions."""

import json
import os
import re
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import httpx
import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from functions.update_recipe.operation import BODY, RECIPE
from local.operations import operations
from local.servicenow import faults, seed
from operate import api, documents, plan
from operate.__main__ import main, parser
from operate.outcome import DIFFERENT, DONE, FAILED, REFUSED, FailedError
from operate.settings import Change, Wanted, as_yaml, export, make
from tests.conftest import call, event, invoke
from tests.integration.conftest import connect
from tests.integration.test_teams import team  # noqa: F401 - a fixture
from tests.template import ROOT

if TYPE_CHECKING:
    from local.servicenow import Simulator
    from tests.conftest import Aws

USER = "00000000-0000-4000-8000-000000000001"
EXAMPLES = int(os.environ.get("EXAMPLES", "5"))
PASSWORD = seed.USERS[seed.INTEGRATION_USER][0]
ROUTES = [
    (item.method, re.compile(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", item.path)), item.folder)
    for item in operations()
]


class Stack(httpx.BaseTransport):
    """A stack's API in process: what API Gateway does, for one user."""

    def __init__(self, simulator: "Simulator") -> None:
        self.simulator = simulator
        self.groups = ""
        self.sent: list[tuple[str, str, str]] = []

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Answer what the route's function answers."""
        if request.headers.get("authorization") != "Bearer token":
            return httpx.Response(401, json={"message": "Unauthorized"})
        path, body = request.url.path, request.read().decode()
        self.sent.append((request.method, path, body))
        found = [
            (folder, match)
            for method, pattern, folder in ROUTES
            if method == request.method and (match := pattern.fullmatch(path))
        ]
        if not found:
            return httpx.Response(404, json={"message": "Not Found"})
        # A literal path comes before one with names.
        folder, match = min(found, key=lambda each: len(each[1].groupdict()))
        payload = event(folder)
        payload |= {"body": body or None, "pathParameters": match.groupdict(), "rawPath": path}
        payload |= {"queryStringParameters": dict(request.url.params)}
        payload["requestContext"]["http"] |= {"path": path, "method": request.method}
        payload["headers"] = dict(request.headers)
        claims = payload["requestContext"]["authorizer"]["jwt"]["claims"]
        claims |= {"sub": USER} | ({"cognito:groups": self.groups} if self.groups else {})
        answer = invoke(folder, payload)
        headers = {
            name: value for name, value in answer.headers.items() if name != "content-length"
        }
        return httpx.Response(answer.status, headers=headers, text=answer.text)

    @property
    def writes(self) -> list[str]:
        """What was written, in its order."""
        tries = ("/test", "/preview", "/check")
        return [
            f"{method} {path.removeprefix('/api/servicenow')}"
            for method, path, _ in self.sent
            if method != "GET" and not path.endswith(tries)
        ]


@pytest.fixture
def stack(aws: "Aws", simulator: "Simulator", monkeypatch: pytest.MonkeyPatch) -> Stack:
    """A stack that the command reaches, and nothing set in it."""
    made = Stack(simulator)
    client = httpx.Client

    def open_client(**options: Any) -> httpx.Client:
        return client(**options, transport=made)

    monkeypatch.setattr("operate.api.httpx.Client", open_client)
    monkeypatch.setenv("ACTIONSYNC_URL", "https://stack.example.com")
    monkeypatch.setenv("ACTIONSYNC_TOKEN", "token")
    monkeypatch.setenv("WRITES_PER_MINUTE", "100000")
    monkeypatch.setenv("READS_PER_MINUTE", "100000")
    monkeypatch.setenv("SERVICENOW_PASSWORD", PASSWORD)
    monkeypatch.setenv("GITHUB_SECRET", "a-secret-of-github")
    monkeypatch.setattr("actionsync.wiring.stores.SIGN_INS_PER_MINUTE", 100000)
    return made


def whole(simulator: "Simulator") -> dict[str, Any]:
    """Return a document with something of each kind."""
    return {
        "connections": {
            "default": {
                "instance_url": simulator.url,
                "username": seed.INTEGRATION_USER,
                "password": {"env": "SERVICENOW_PASSWORD"},
            }
        },
        "webhooks": [
            {"source": "github", "name": "deploys", "secret": {"env": "GITHUB_SECRET"}},
            {"source": "grafana", "dry_run": True, "secret": {"env": "GITHUB_SECRET"}},
        ],
        "recipes": {"speed-tests": BODY},
        "rules": {
            "rules": [
                {
                    "name": "payments",
                    "match": {"service": ["pay-*"]},
                    "then": {"assignment_group": "IT Support"},
                }
            ],
            "alarms": {"enabled": False},
        },
    }


def written(folder: Path, document: Any, name: str = "settings.yaml") -> Path:
    """Return a file with a document."""
    file = folder / name
    file.write_text(document if isinstance(document, str) else as_yaml(document))
    return file


def run(*words: object) -> int:
    """Run the command."""
    return main([str(word) for word in words])


def test_the_whole_way(
    stack: Stack, simulator: "Simulator", tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Planned, applied in order, repeated without a change, changed, exported, pruned."""
    document = whole(simulator)
    connections = written(tmp_path, {"connections": document["connections"]})
    assert run("plan", connections) == DIFFERENT
    assert capsys.readouterr().out.startswith("+ connection default\n")
    assert stack.writes == []
    assert run("apply", connections) == DONE
    file = written(tmp_path, document)
    assert run("plan", file) == DIFFERENT
    planned = capsys.readouterr().out
    assert "+ webhook github/deploys" in planned
    assert "~ rules" in planned
    assert "assignment_group: IT Support" in planned
    stack.sent.clear()
    assert run("apply", file) == DONE
    assert stack.writes == [
        "POST /webhooks/github", "POST /webhooks/grafana", "PUT /recipes/speed-tests", "PUT /rules"
    ]  # fmt: skip
    said = capsys.readouterr()
    assert "deliver to https://" in said.out
    assert "a-secret-of-github" not in said.out + said.err
    for command in ("plan", "apply", "drift"):
        assert run(command, file) == DONE
    # Somebody changes something by hand.
    call("update_rules", {"alarms": {"enabled": True}}, headers={})
    assert run("drift", file) == DIFFERENT
    assert "-  enabled: true" in capsys.readouterr().out
    document["webhooks"] = [{**document["webhooks"][0], "dry_run": True}]
    del document["recipes"]
    del document["connections"]
    file = written(tmp_path, document)
    stack.sent.clear()
    assert run("apply", file) == DONE
    assert [write.split("/")[0:2] for write in stack.writes] == [
        ["PATCH ", "webhooks"],
        ["PUT ", "rules"],
    ]
    assert run("drift", file) == DIFFERENT
    assert run("plan", file, "--prune") == FAILED
    assert "--force removes it" in capsys.readouterr().err
    stack.sent.clear()
    assert run("apply", file, "--prune", "--force") == DONE
    kinds = [re.sub(r"\w{32}", "ID", write) for write in stack.writes]
    assert kinds == [
        "DELETE /recipes/speed-tests",
        "DELETE /webhooks/grafana/ID",
        "DELETE /connections/default",
    ]


def test_what_is_exported_and_applied_changes_nothing(
    stack: Stack, simulator: "Simulator", tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever is set, also where the variables of the secrets are not."""
    connect(simulator, seed.INTEGRATION_USER, USER)
    for name in ("SERVICENOW_PASSWORD", "GITHUB_SECRET"):
        monkeypatch.delenv(name)
    names = st.sampled_from(["on", "no", "22:00", "1e3", "0x1F", "~", "2024-01-10", 'é^\', "x"'])
    groups = st.none() | st.sampled_from(["IT Support", "Network"])
    level = st.fixed_dictionaries({"urgency": st.just("1"), "impact": st.sampled_from(["1", "2"])})
    levels = st.fixed_dictionaries({"critical": level}, optional={"low": level})
    recurrence = st.fixed_dictionaries({"note_every_minutes": st.sampled_from([15, 30])})
    rule = st.fixed_dictionaries(
        {
            "match": st.fixed_dictionaries({}, optional={"service": st.lists(names, min_size=1)}),
            "then": st.just("ignore")
            | st.fixed_dictionaries(
                {"assignment_group": groups},
                optional={
                    "columns": st.dictionaries(st.just("u_note"), names),
                    "recurrence": recurrence,
                },
            ),
        }
    )
    documents_ = st.fixed_dictionaries(
        {"rules": st.lists(rule, max_size=3), "recent_events": st.booleans()},
        optional={
            "errors": st.fixed_dictionaries(
                {"assignment_group": groups, "enabled": st.booleans()},
                optional={"levels": levels, "recurrence": recurrence},
            ),
            "sources": st.dictionaries(
                st.sampled_from(["grafana", "sentry"]),
                st.fixed_dictionaries({"enabled": st.booleans()}, optional={"levels": levels}),
            ),
        },
    )
    webhooks = st.lists(
        st.tuples(st.sampled_from(["github", "grafana", "sentry"]), names, st.booleans()),
        max_size=2,
        unique_by=lambda each: each[:2],
    )
    file = tmp_path / "settings.yaml"
    monkeypatch.setattr("operate.settings.sources", lambda: ["github", "grafana", "sentry"])

    @settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
    @given(rules=documents_, hooks=webhooks, has_recipe=st.booleans())
    def check(rules: dict[str, Any], hooks: list[Any], has_recipe: bool) -> None:  # noqa: FBT001 - drawn
        for place, each in enumerate(rules["rules"]):
            each["name"] = f"rule {place}"
        assert call("update_rules", rules, user_id=USER, headers={}).status == 200
        for source, name, dry_run in hooks:
            body = {"name": re.sub(r"[^\w]", "x", name), "dry_run": dry_run}
            call("create_webhook", body, user_id=USER, path={"source": source})
        if has_recipe:
            invoke("update_recipe", event("update_recipe"))
        stack.sent.clear()
        assert run("export", "--out", file) == DONE
        for command in ("plan", "apply", "drift"):
            assert run(command, file, *(["--unchecked"] * (command != "drift"))) == DONE, (
                file.read_text()
            )
        assert stack.writes == []

    check()


CONNECTION = """\
connections:
  default:
    instance_url: https://x.service-now.com
    username: a
"""
# What files say, and what is said of them.
WRONG = """
rules: {errors: {assignment_group: Nobody}} -> :1: errors.assignment_group:
rules: {rules: [{name: a, then: {columns: {u_nothing: x}}}]} -> :1: rules.0.then.columns.u_nothing:
rules: {rules: [{name: a, then: ignore}, {name: a, then: ignore}]} -> :1: rules:
rules: {errors: {recurrence: {note_every_minutes: 0}}} -> :1: rules.errors.recurrence.
rules: {nonsense: 1} -> :1: rules: Additional properties
rules: {errors: {}, errors: {}} -> :1: errors is there twice
rules: [ -> :1:
- a -> :1: must be a map
CONNECTION    password: hunter2 -> :5: connections.default.password: must be a reference
CONNECTION    password: {env: NOT_THERE} -> :5: the variable NOT_THERE is not set
CONNECTION -> :2: password is missing
CONNECTION    password: {secret: none, key: a} -> :5: none cannot be read
CONNECTION    auth_method: oauth_password -> :2: connections.default: 'client_id' is a required
CONNECTION    client_id: a -> :5: client_id: is not used
connections: {Other: {instance_url: https://x.service-now.com, username: a}} -> :1: connections:
rules: {errors: {connection: other}} -> :1: errors.connection:
webhooks: [{source: pigeon}] -> :1: webhooks.0.source
webhooks: [{source: github}] -> :1: a new webhook needs its secret
webhooks: [{source: github, secret: {env: NOT_THERE}}] -> :1: the variable NOT_THERE
webhooks: [{source: github}, {source: github}] -> :1: the webhook github/github is there
"""


@pytest.mark.parametrize("line", WRONG.strip().splitlines())
def test_what_is_wrong_has_its_place(
    stack: Stack, tmp_path: Path, capsys: pytest.CaptureFixture[str], line: str
) -> None:
    """File and line, before anything is written; no secret is repeated."""
    text, _, said = line.partition(" -> ")
    text = text.replace("CONNECTION", CONNECTION)
    if "client_id: a" in text:
        text += "\n    password: {env: SERVICENOW_PASSWORD}"
    if "connections:" not in text:
        connect(stack.simulator, seed.INTEGRATION_USER, USER)
    file = written(tmp_path, text)
    assert run("apply", file) == FAILED
    error = capsys.readouterr().err
    assert f"{file}{said}" in error
    assert "hunter2" not in error
    assert stack.writes == []


def test_recipes_are_tried(
    stack: Stack, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """On their examples, of which a changed one needs some."""
    broken = {**RECIPE, "forms": [{**RECIPE["forms"][0], "key": ["a | b"]}]}
    for recipe, said in (
        ({"recipe": RECIPE}, "needs two `triggers`"),
        ({**BODY, "recipe": broken}, "recipe.forms.0.key.0"),
        ({**BODY, "triggers": [{**BODY["end"], "detail-type": "Other"}] * 2}, "no source knows"),
    ):
        file = written(tmp_path, {"recipes": {"speed-tests": recipe}})
        assert run("plan", file) == FAILED
        assert said in capsys.readouterr().err
    assert stack.writes == []


def test_an_instance_that_is_away(
    stack: Stack, simulator: "Simulator", tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is an error, unless nothing is to be checked."""
    document = whole(simulator)
    simulator.faults.add(faults.hibernating(times=None))
    file = written(tmp_path, {"connections": document["connections"]})
    assert run("plan", file) == FAILED
    assert "the connection does not work" in capsys.readouterr().err
    assert run("apply", file, "--unchecked") == DONE
    file = written(tmp_path, {"rules": document["rules"]})
    assert run("plan", file) == FAILED
    assert "could not be checked" in capsys.readouterr().err
    assert run("apply", file, "--unchecked") == DONE


def test_who_is_overtaken_plans_again(
    stack: Stack,
    simulator: "Simulator",
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Nothing is lost of what another writes between the reading and the writing."""
    connect(simulator, seed.INTEGRATION_USER, USER)

    def overtaken(*arguments: Any) -> str:
        call("update_rules", {"recent_events": False}, user_id=USER, headers={})
        return make(*arguments)

    monkeypatch.setattr("operate.apply.make", overtaken)
    file = written(tmp_path, {"rules": {"alarms": {"enabled": False}}})
    assert run("apply", file) == FAILED
    assert "plan again" in capsys.readouterr().err
    assert call("get_rules", user_id=USER).json["recent_events"] is False
    monkeypatch.undo()


def test_interrupted_it_does_what_is_left(
    stack: Stack, simulator: "Simulator", tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After any of its writes."""
    connect(simulator, seed.INTEGRATION_USER, USER)
    document = whole(simulator)
    file = written(tmp_path, document)
    done = 0

    def interrupted(*arguments: Any) -> str:
        nonlocal done
        done += 1
        if done % 2 == 0:
            raise KeyboardInterrupt
        return make(*arguments)

    monkeypatch.setattr("operate.apply.make", interrupted)
    ends = [run("apply", file) for _ in range(5)]
    assert ends == [130, 130, 130, DONE, DONE]
    assert len(stack.writes) == 4


def test_secrets_by_reference(stack: Stack, simulator: "Simulator", tmp_path: Path) -> None:
    """Of Secrets Manager, whole or one key of a JSON document."""
    manager = boto3.client("secretsmanager")
    manager.create_secret(Name="plain", SecretString="a-secret-of-grafana")
    secret = {"password": PASSWORD}
    manager.create_secret(Name="servicenow", SecretString=json.dumps(secret))
    document = {
        "connections": {
            "default": {
                "instance_url": f"{simulator.url}/",
                "auth_method": "basic",
                "username": seed.INTEGRATION_USER,
                "password": {"secret": "servicenow", "key": "password"},
            }
        },
        "webhooks": [{"source": "grafana", "secret": {"secret": "plain"}}],
    }
    file = written(tmp_path, document)
    assert run("apply", file) == DONE
    assert run("plan", file) == DONE
    assert call("test_connection", None, user_id=USER).json["success"]


def test_an_export_is_short(stack: Stack, tmp_path: Path) -> None:
    """Without what is so by default, also in each rule and each source."""
    rules = {
        "rules": [
            {"name": "a", "then": {"recurrence": {"reopen_within_hours": 1}}},
            {"name": "b", "match": {"service": ["x"]}, "then": "ignore"},
        ],
        "errors": {"recurrence": {"note_every_minutes": 30}},
        "sources": {"grafana": {"severities": ["high"]}},
    }
    call("update_rules", rules, user_id=USER, headers={})
    file = tmp_path / "settings.yaml"
    assert run("export", "--out", file) == DONE
    exported = yaml.safe_load(file.read_text())["rules"]
    whole_recurrence = {"note_every_minutes": 15, "reopen_within_hours": 1}
    found = exported["rules"][0]["then"].pop("recurrence")
    assert found.items() >= whole_recurrence.items()
    rules["rules"][0]["then"] = {}  # type: ignore[index]
    assert exported == rules


def test_a_persons_connection(stack: Stack, simulator: "Simulator", tmp_path: Path) -> None:
    """Stored with the secret of its application, and not tested: the person signs in later."""
    connection = {
        "instance_url": simulator.url,
        "auth_method": "oauth_authorization_code",
        "client_id": "an-id",
        "client_secret": {"env": "GITHUB_SECRET"},
    }
    file = written(tmp_path, {"connections": {"person": connection}})
    assert run("apply", file) == DONE
    assert stack.writes == ["POST /connections"]
    assert run("plan", file) == DONE


def test_the_settings_of_a_team(
    stack: Stack,
    team: "Simulator",  # noqa: F811 - a fixture
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Its editors change them; nothing of their own is touched, and others may not."""
    file = written(tmp_path, {"rules": {"alarms": {"enabled": False}}})
    of_team = ("--owner", "team/payments")
    assert run("apply", file, *of_team) == REFUSED
    assert "payments" in capsys.readouterr().err
    stack.groups = "[leads]"
    assert run("apply", file, *of_team) == DONE
    assert run("plan", file, *of_team) == DONE
    assert run("plan", file) == DIFFERENT
    out = tmp_path / "exported.yaml"
    assert run("export", *of_team, "--out", out) == DONE
    assert "default" in yaml.safe_load(out.read_text())["connections"]


def test_files_and_folders(
    stack: Stack, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Parts of one document may lie in several files; a part is said once."""
    hook = {"source": "github", "secret": {"env": "GITHUB_SECRET"}}
    for place, name in enumerate(("a", "b")):
        written(tmp_path, {"webhooks": [{**hook, "name": name}]}, f"{place}.yaml")
    assert run("apply", tmp_path) == DONE
    assert stack.writes == ["POST /webhooks/github", "POST /webhooks/github"]
    written(tmp_path, "webhooks:\n- source: github\n  name: c\n", "2.yml")
    assert run("plan", tmp_path) == FAILED
    assert f"{tmp_path}/2.yml:2: a new webhook" in capsys.readouterr().err
    written(tmp_path, "rules: {}\n", "2.yml")
    written(tmp_path, "rules: {}\n", "3.yml")
    written(tmp_path, "", "4.yml")
    assert run("plan", tmp_path) == FAILED
    assert f"{tmp_path}/3.yml:1: rules is there twice" in capsys.readouterr().err
    empty = tmp_path / "empty"
    empty.mkdir()
    for path in (empty, tmp_path / "none.yaml"):
        assert run("plan", path) == FAILED


def test_yaml_without_surprises(tmp_path: Path) -> None:
    """Times of day, dates, on and no are texts; anchors and merges work, bombs do not."""
    text = (
        "rules:\n  rules:\n  - name: no\n    match: {service: [on, 2024-01-10, 22:00, 0o17]}\n"
        "    then: &then {assignment_group: a}\n  - name: b\n    then: {<<: *then, category: c}\n"
    )
    read = documents.read([written(tmp_path, text)])
    assert read.findings == []
    one, two = read.data["rules"]["rules"]
    assert (one["name"], one["match"]["service"]) == ("no", ["on", "2024-01-10", "22:00", "0o17"])
    assert two["then"] == {"assignment_group": "a", "category": "c"}
    bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
        f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 8)
    )
    found = documents.read([written(tmp_path, bomb)]).findings
    assert "too large" in str(found[0])


def test_who_is_not_signed_in(
    stack: Stack,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """What is missing is said before anything is asked; a token that is refused is said, too."""
    file = written(tmp_path, "rules: {}\n")
    monkeypatch.setenv("ACTIONSYNC_TOKEN", "another")
    assert run("plan", file) == REFUSED
    assert "does not accept the token" in capsys.readouterr().err
    monkeypatch.delenv("ACTIONSYNC_TOKEN")
    assert run("plan", file) == REFUSED
    monkeypatch.setattr("sys.stdin", StringIO("token\n"))
    assert run("plan", file, "--token-stdin") == DONE
    stack.sent.clear()
    assert run("plan", file, "--url", "http://stack.example.com") == REFUSED
    assert stack.sent == []


def test_other_answers_are_failures() -> None:
    """Of something that is not the API, or that cannot be reached."""

    def lost(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused", request=request)

    for handler, said in (
        (lambda _: httpx.Response(200, text="<html>"), "is the address right"),
        (lambda _: httpx.Response(502, text="<html>"), "502"),
        (lambda _: httpx.Response(500, json=["x"]), "500"),
        (lost, "refused"),
    ):
        http = httpx.Client(transport=httpx.MockTransport(handler), base_url="https://x")
        with pytest.raises(FailedError, match=said):
            export(api.Api(http))
    http = httpx.Client(
        transport=httpx.MockTransport(lambda _: httpx.Response(409, json={"detail": "busy"})),
        base_url="https://x",
    )
    with pytest.raises(api.ApiError, match="busy"):
        api.Api(http).delete("/config")


def test_differences_are_shown_in_colors_on_a_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """And plainly elsewhere, or where NO_COLOR is set."""
    change = Change(None, Wanted("webhook", "a/b", (), {"x": 1}, {}))
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    plan.show([change])
    assert "\033[32m+ webhook a/b" in capsys.readouterr().out
    monkeypatch.setenv("NO_COLOR", "1")
    plan.show([change])
    assert "\033" not in capsys.readouterr().out


def test_the_guide_works_as_written(
    stack: Stack, simulator: "Simulator", tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its file is applied to an instance, and each command of its pipeline is one."""
    guide = (ROOT / "docs/as-code.md").read_text()
    document, workflow = re.findall(r"```yaml\n(.*?)```", guide, re.DOTALL)
    boto3.client("secretsmanager").create_secret(
        Name="actionsync/grafana", SecretString='{"webhook": "a-secret-of-grafana"}'
    )
    document = document.replace("https://acme.service-now.com", simulator.url)
    document = document.replace("actionsync.integration", seed.INTEGRATION_USER)
    file = written(tmp_path, document)
    assert run("plan", file) == FAILED  # the rules' instance is not connected yet
    assert run("apply", file, "--unchecked") == DONE
    assert run("plan", file) == DONE
    (job,) = yaml.safe_load(workflow)["jobs"].values()
    runs = "\n".join(step.get("run", "") for step in job["steps"])
    commands = re.findall(r"^actionsync ([^|\n]*)", runs, re.MULTILINE)
    (shown,) = re.findall(r"```sh\n(.*?)```", guide, re.DOTALL)
    for command in (*commands, *re.findall(r"^actionsync (.*)", shown, re.MULTILINE)):
        assert parser().parse_args(command.split()).run
    assert {command.split()[0] for command in commands} == {"plan", "apply", "drift"}
