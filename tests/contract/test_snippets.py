"""Every block of every document is run by a test, or it is said why none can.

Here are the tests of those that no other test runs; the others are named in `RUN`.
"""

import json
import re
import shlex
import subprocess
import tomllib
from typing import Any

import boto3
import pytest
import yaml
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509 import load_pem_x509_certificate

from actionsync.events.owners import ENTRIES
from actionsync.rules.models import Rules
from local.servicenow import Simulator
from tests.documents import all_blocks, blocks, documents
from tests.template import ROOT, template
from tests.unit.actionsync.sources.readings import OWNER, on_bus, one, reading

HERE = "tests/contract/test_snippets.py"
COMMANDS = "tests/contract/test_commands.py"
EXAMPLES = "tests/contract/test_contributing.py::test_what_they_add_works"
GUIDES = "tests/integration/test_guides.py"
CLIENT = "tests/unit/servicenow_tools/test_guide.py"

# The tests that run all blocks of a language in a document.
RUN: dict[tuple[str, str], str | tuple[str, ...]] = {
    ("CONTRIBUTING.md", ""): f"{HERE}::test_the_layout_is_the_repositorys",
    ("CONTRIBUTING.md", "diff"): EXAMPLES,
    ("CONTRIBUTING.md", "json"): EXAMPLES,
    ("CONTRIBUTING.md", "python"): EXAMPLES,
    ("CONTRIBUTING.md", "toml"): EXAMPLES,
    ("README.md", "python"): f"{CLIENT}::test_the_readme",
    ("docs/as-code.md", "sh"): "tests/integration/test_as_code.py::test_the_guide_works_as_written",
    ("docs/as-code.md", "yaml"): (
        "tests/integration/test_as_code.py::test_the_guide_works_as_written"
    ),
    ("docs/assistants.md", "console"): (
        "tests/unit/servicenow_tools/test_cli.py::test_the_guides_examples_are_commands"
    ),
    ("docs/assistants.md", "json"): (
        "tests/integration/test_assistants.py::test_the_guide_names_the_tools"
    ),
    ("docs/client.md", "python"): f"{CLIENT}::test_the_guide",
    ("docs/connect-alertmanager.md", "sh"): f"{GUIDES}::test_a_guide_works_as_written",
    ("docs/connect-alertmanager.md", "yaml"): (
        f"{GUIDES}::test_the_configuration_of_alertmanagers_guide_is_one"
    ),
    ("docs/connect-aws.md", "json"): f"{HERE}::test_rules_and_owners_are_such",
    ("docs/connect-aws.md", "yaml"): f"{HERE}::test_parameters_are_the_stacks",
    ("docs/connect-cloudwatch.md", "yaml"): f"{HERE}::test_parameters_are_the_stacks",
    ("docs/connect-datadog.md", "sh"): f"{GUIDES}::test_a_guide_works_as_written",
    ("docs/connect-deployments.md", "sh"): f"{HERE}::test_a_deployment_of_any_tool_is_read",
    ("docs/connect-gitlab.md", "sh"): f"{GUIDES}::test_a_guide_works_as_written",
    ("docs/connect-grafana.md", "sh"): f"{GUIDES}::test_a_guide_works_as_written",
    ("docs/connect-logs.md", "json"): f"{HERE}::test_rules_and_owners_are_such",
    ("docs/connect-pagerduty.md", "sh"): f"{GUIDES}::test_a_guide_works_as_written",
    ("docs/connect-sentry.md", "sh"): f"{GUIDES}::test_a_guide_works_as_written",
    ("docs/connections.md", "sh"): (
        f"{GUIDES}::test_a_connection_is_stored_as_written",
        f"{HERE}::test_a_certificate_of_a_kms_key_is_made_as_written",
    ),
    ("docs/first-ticket.md", "sh"): f"{GUIDES}::test_the_first_ticket_as_written",
    ("docs/gates.md", "json"): f"{HERE}::test_a_state_machine_asks_for_a_gate",
    ("docs/gates.md", "sh"): f"{GUIDES}::test_a_gate_is_asked_for_as_written",
    ("docs/gates.md", "yaml"): (
        "tests/integration/test_gate_action.py::test_the_guide_gives_it_what_it_takes"
    ),
    ("docs/operations.md", "yaml"): f"{HERE}::test_parameters_are_the_stacks",
    ("docs/rules.md", "json"): (
        "tests/integration/test_rules_guide.py::test_the_guides_first_document_can_be_saved",
        "tests/integration/test_notices.py::test_the_guide_shows_a_notice",
    ),
    ("docs/rules.md", "sh"): f"{GUIDES}::test_rules_are_replaced_as_written",
    ("docs/security.md", "json"): f"{HERE}::test_a_keys_policy_names_actions_of_kms",
    ("docs/teams.md", "sh"): f"{COMMANDS}::test_actionsync_takes_it",
    ("docs/terminal.md", "console"): (
        "tests/unit/servicenow_tools/test_cli.py::test_the_guide_works_as_written"
    ),
    ("docs/two-way.md", "json"): (
        "tests/unit/actionsync/test_outgoing.py::test_examples_and_patterns_name_what_there_is"
    ),
    ("docs/your-own-event.md", "json"): "tests/e2e/test_guides.py::test_an_event_of_ones_own",
    ("docs/your-own-event.md", "sh"): (
        f"{GUIDES}::test_an_event_of_ones_own_as_written",
        "tests/e2e/test_guides.py::test_an_event_of_ones_own",
    ),
    ("packaging/README.md", "python"): (
        "tests/contract/test_wheels.py::test_they_work_in_a_bare_environment"
    ),
    ("packaging/operate/README.md", "sh"): (
        "tests/contract/test_operate_wheel.py::test_the_readme_installs_it"
    ),
    ("packaging/simulator/README.md", "console"): (
        "tests/contract/test_simulator_wheel.py::test_it_serves_from_the_wheel"
    ),
    ("packaging/simulator/README.md", "python"): (
        "tests/contract/test_wheels.py::test_they_work_in_a_bare_environment"
    ),
    ("packaging/simulator/README.md", "toml"): f"{HERE}::test_a_profile_is_one",
}
_AWS = f"acts on an AWS account; operations, options and shapes: {COMMANDS}"
# Why no test runs all blocks of a language in a document.
NOT_RUN = {
    ("CONTRIBUTING.md", "sh"): "runs the tests themselves",
    ("README.md", "sh"): "brings a cloud up or needs an AWS account; its parts: tests/e2e",
    ("docs/assistants.md", "sh"): _AWS,
    ("docs/client-reference.md", "python"): "signatures, written from the code",
    ("docs/conformance.md", "sh"): (
        "needs a developer instance; on the simulator: tests/contract/test_conformance.py"
    ),
    ("docs/connect-cloudwatch.md", "sh"): _AWS,
    ("docs/connect-logs.md", "sh"): f"{_AWS}; the same calls: tests/e2e/test_guides.py",
    ("docs/events.md", "sh"): "acts on a deployed stack; its command: tests/unit/test_operate.py",
    ("docs/first-ticket.md", "text"): "clones the repository, and stays up: local/up.py",
    ("docs/operations.md", "sh"): _AWS,
    ("docs/what-happens-to-an-event.md", "mermaid"): "a picture",
}
TESTS = [
    (test, document)
    for (document, _), tests in RUN.items()
    for test in ([tests] if isinstance(tests, str) else tests)
]
BLOCKS = [block for file in documents() for block in all_blocks(str(file.relative_to(ROOT)))]


def test_no_block_is_left_out() -> None:
    """Each block has a test or a reason, and nothing has one that is not there."""
    kinds = {(block.document, block.language) for block in BLOCKS}
    assert kinds == {*RUN, *NOT_RUN}
    assert not {*RUN} & {*NOT_RUN}


def test_no_fence_is_left_open() -> None:
    """Whatever begins with a fence is a block that was found."""
    for file in documents():
        fences = re.findall(r"^ *```", file.read_text(), re.MULTILINE)
        assert len(fences) == 2 * len(all_blocks(str(file.relative_to(ROOT)))), file.name


@pytest.mark.parametrize(("test", "document"), TESTS)
def test_what_runs_a_block_is_a_test(test: str, document: str) -> None:
    """And its file names the document, unless it reads all of them."""
    path, _, name = test.partition("::")
    text = (ROOT / path).read_text()
    assert re.search(rf"^(async )?def {name}\(", text, re.MULTILINE)
    stem = document.rpartition("/")[2].removesuffix(".md").removeprefix("connect-")
    assert stem in text or path == COMMANDS


def test_the_layout_is_the_repositorys() -> None:
    """Each line begins with what there is."""
    (layout,) = blocks("CONTRIBUTING.md", "")
    for line in layout.splitlines():
        place = re.sub(r"<\w+>", "*", line.split()[0])
        assert list(ROOT.glob(place.rstrip("/"))), line


def test_parameters_are_the_stacks() -> None:
    """What goes into a file of deploy/ has the name of a parameter."""
    of = f"{HERE}::test_parameters_are_the_stacks"
    for block in (block for block in BLOCKS if RUN.get((block.document, block.language)) == of):
        given = yaml.safe_load(block.text)
        assert given.keys() <= template()["Parameters"].keys(), block


def test_rules_and_owners_are_such() -> None:
    """The product's own models take them."""
    rules, owners = blocks("docs/connect-aws.md", "json")
    (of_logs,) = blocks("docs/connect-logs.md", "json")
    for document in (rules, of_logs):
        assert Rules.model_validate_json(document).sources
    assert len(ENTRIES.validate_json(owners)) == 2


def test_a_deployment_of_any_tool_is_read() -> None:
    """The command's event begins a change."""
    (command,) = blocks("docs/connect-deployments.md", "sh")
    (entry,) = json.loads(shlex.split(command)[-1])
    detail = json.loads(entry["Detail"]) | {"user_id": OWNER}
    event = one(on_bus(entry["DetailType"], detail, source=entry["Source"]))
    assert (event.kind, event.action, event.name) == ("change", "trigger", "checkout")
    assert event.assumptions == ()


def test_a_state_machine_asks_for_a_gate() -> None:
    """What its task puts on the bus, with the values that Step Functions fills in."""
    (text,) = blocks("docs/gates.md", "json")
    (state,) = json.loads(text).values()
    (entry,) = state["Parameters"]["Entries"]
    detail = {
        name.removesuffix(".$"): "filled-in" if name.endswith(".$") else value
        for name, value in entry["Detail"].items()
    } | {"user_id": OWNER}
    (gate,) = reading(on_bus(entry["DetailType"], detail, source=entry["Source"])).gates
    assert (gate.owner, gate.platform) == (OWNER, "stepfunctions")
    assert gate.place["token"] == "filled-in"
    assert gate.detail["application"] == "checkout"


def test_a_keys_policy_names_actions_of_kms() -> None:
    """Each statement allows services what KMS knows."""
    client = boto3.client("kms")
    known = {f"kms:{name}" for name in client.meta.service_model.operation_names}
    (text,) = blocks("docs/security.md", "json")
    statements = json.loads(text)
    assert statements
    for statement in statements:
        assert statement["Effect"] == "Allow"
        assert statement["Sid"]
        services = statement["Principal"]["Service"]
        for service in [services] if isinstance(services, str) else services:
            assert service.endswith(".amazonaws.com")
        for action in statement["Action"]:
            pattern = re.escape(action).replace(r"\*", ".*")
            assert any(re.fullmatch(pattern, name) for name in known), action


def test_a_profile_is_one(tmp_path: Any) -> None:
    """The simulator runs with it, and does what it says."""
    (text,) = blocks("packaging/simulator/README.md", "toml")
    wanted = tomllib.loads(text)
    file = tmp_path / "acme.toml"
    file.write_text(text)
    with Simulator(rich=False, profile=file) as simulator:
        row = simulator.instance.put("incident", short_description="x")
        assert row["number"].startswith(wanted["numbers"]["incident"]["prefix"])


def test_a_certificate_of_a_kms_key_is_made_as_written(tmp_path: Any) -> None:
    """By the commands of docs/connections.md, with the public key that KMS would answer."""
    key = rsa.generate_private_key(65537, 2048).public_key()
    der = serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    (tmp_path / "key.der").write_bytes(key.public_bytes(*der))
    script = next(text for text in blocks("docs/connections.md", "sh") if "openssl" in text)
    for line in re.findall(r"^openssl .*", script, re.MULTILINE):
        subprocess.run(  # noqa: S603 - the guide's own commands
            shlex.split(line), cwd=tmp_path, check=True, capture_output=True, timeout=60
        )
    made = load_pem_x509_certificate((tmp_path / "actionsync.pem").read_bytes())
    assert made.public_key() == key
