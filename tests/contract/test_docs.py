"""What the documents promise of the stack is there."""

import json
import re
from pathlib import Path
from typing import get_args

import pytest

from actionsync.events.steps.work import Result
from actionsync.stores.credentials import METHODS
from tests.template import ROOT, metrics, template

SECURITY = (ROOT / "docs/security.md").read_text()
OPERATIONS = (ROOT / "docs/operations.md").read_text()
SOURCE = "".join(path.read_text() for path in (ROOT / "layers/actionsync/actionsync").rglob("*.py"))
LOCKS = sorted(
    [
        *(ROOT / "requirements").glob("*.txt"),
        ROOT / "layers/dependencies/requirements.txt",
        *(ROOT / "functions").glob("*/requirements.txt"),
    ]
)
PROOFS = sorted(set(re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", SECURITY)))


def of_type(kind: str) -> dict[str, dict[str, object]]:
    """Return the properties of the template's resources of a type, by logical id."""
    return {
        name: resource["Properties"]
        for name, resource in template()["Resources"].items()
        if resource["Type"] == kind
    }


@pytest.mark.parametrize(("file", "name"), PROOFS)
def test_every_proof_exists(file: str, name: str) -> None:
    """A test that docs/security.md names is one that runs."""
    assert re.search(rf"^(async )?def {name}\(", (ROOT / file).read_text(), re.MULTILINE)


def test_every_threat_has_a_proof() -> None:
    """Each threat stands with its control and at least one test."""
    threats = SECURITY.partition("## Threats")[2].partition("\n## ")[0]
    parts = re.split(r"^\*\*", threats, flags=re.MULTILINE)[1:]
    assert len(parts) > 15
    assert [part for part in parts if "- `tests/" not in part] == []


def test_every_alarm_has_an_answer() -> None:
    """Each alarm's description leads to a section of docs/operations.md, and each is led to."""
    section = OPERATIONS.partition("\n## Alarms\n")[2].partition("\n## ")[0]
    anchors = {f"#{name.lower()}" for name in re.findall(r"^### (\w+)$", section, re.MULTILINE)}
    alarms = of_type("AWS::CloudWatch::Alarm")
    texts = {
        name: str(alarm["AlarmDescription"]["Fn::Sub"])  # type: ignore[index] # a text with a URL
        for name, alarm in alarms.items()
    }
    led = {name: text.partition("${RunbookUrl}")[2] for name, text in texts.items()}
    assert set(led.values()) == anchors
    assert all(name.lower().endswith(led[name].removeprefix("#")) for name in alarms)
    default = str(template()["Parameters"]["RunbookUrl"]["Default"])
    assert default.endswith("/docs/operations.md")


def test_metrics_are_the_stacks_own() -> None:
    """Alarms and dashboard look at no other stack's metrics, and only at metrics that exist."""
    names = set()
    for metric in (
        metric for name in of_type("AWS::CloudWatch::Alarm") for metric in metrics(name)
    ):
        if metric["Namespace"] == "ActionSync":
            names.add(metric["MetricName"])
            dimensions = {each["Name"]: each["Value"] for each in metric["Dimensions"]}
            assert dimensions == {"stack": {"Ref": "AWS::StackName"}, "service": "actionsync"}
        else:
            assert metric["Dimensions"]
    (dashboard,) = of_type("AWS::CloudWatch::Dashboard").values()
    body = json.loads(str(dashboard["DashboardBody"]["Fn::Sub"]))  # type: ignore[index] # a text
    for widget in body["widgets"]:
        for namespace, name, *dimensions in widget["properties"]["metrics"]:
            if namespace == "ActionSync":
                names.add(name)
                assert dimensions == ["stack", "${AWS::StackName}", "service", "actionsync"]
    counted = set(re.findall(r'add_metric\(\s*name="(\w+)"', SOURCE))
    results = {name.title().replace("_", "") for name in re.findall(r'"([a-z_]+)"', SOURCE)}
    assert names <= counted | results
    assert set(re.findall(r"Metrics\(.*", SOURCE)) == {'Metrics(namespace="ActionSync")'}


def test_what_is_kept_is_protected() -> None:
    """Every table is encrypted; what cannot be made again has backups, and stays."""
    tables = of_type("AWS::DynamoDB::Table")
    for name, table in tables.items():
        assert table["SSESpecification"]["SSEEnabled"] is True  # type: ignore[index]
        if name != "IdempotencyTable":
            assert table["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}
            assert table["DeletionProtectionEnabled"] == {"Fn::If": ["Production", True, False]}
    for queue in of_type("AWS::SQS::Queue").values():
        assert {"KmsMasterKeyId", "SqsManagedSseEnabled"} <= set(queue)
    for group in of_type("AWS::Logs::LogGroup").values():
        assert group["RetentionInDays"] == {"Ref": "LogRetentionDays"}


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.name)
def test_every_lock_has_hashes(lock: object) -> None:
    """What is installed is what was locked, byte for byte, and from nobody's own registry."""
    text = (ROOT / str(lock)).read_text()
    pinned = re.findall(
        r"^[\w.-]+(?:\[[\w,-]+\])?==[^\n]*\n((?:    --hash[^\n]*\n)*)", text, re.MULTILINE
    )
    assert pinned
    assert all("--hash=sha256:" in hashes for hashes in pinned)
    assert "index-url" not in text


WORKFLOWS = sorted((ROOT / ".github/workflows").glob("*.yml"))


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda workflow: workflow.name)
def test_a_workflow_runs_what_was_looked_at(workflow: Path) -> None:
    """Actions by their commit, with the version beside it; no checkout leaves its token behind."""
    text = workflow.read_text()
    for action in re.findall(r"uses: (?!\./)(.*)", text):
        assert re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40} # v[0-9.]+", action), action
    assert text.count("actions/checkout@") == text.count("persist-credentials: false")
    assert "permissions:" in text.partition("\njobs:")[0]


def test_whoever_finds_a_weakness_finds_whom_to_tell() -> None:
    """SECURITY.md says how to report one in private, and its links lead somewhere."""
    text = (ROOT / "SECURITY.md").read_text()
    assert "Report a vulnerability" in text
    for link in re.findall(r"\]\(([^)#:]+)\)", text):
        assert (ROOT / link).exists(), link


def test_a_release_brings_its_bill_of_materials() -> None:
    """The workflow that deploys a version makes it, of what is locked."""
    release = (ROOT / ".github/workflows/deploy.yml").read_text()
    assert "make sbom" in release
    assert "dist/actionsync.cdx.json" in release
    assert "make audit audit-locks" in (ROOT / ".github/workflows/ci.yml").read_text()


def test_every_parameter_and_output_is_explained() -> None:
    """With a description in the template, from which docs/parameters.md is written."""
    for part in ("Parameters", "Outputs"):
        assert [name for name, each in template()[part].items() if "Description" not in each] == []


def test_every_metric_is_explained() -> None:
    """In docs/metrics.md, which names none that there is not."""
    rows = re.findall(r"^\| (`.*?) \|", (ROOT / "docs/metrics.md").read_text(), re.MULTILINE)
    named = {name for row in rows for name in re.findall(r"`(\w+)`", row)}
    counted = set(re.findall(r'add_metric\(\s*name="(\w+)"', SOURCE))
    counted |= set(re.findall(r'"(\w+)" if error\.reason == "RateLimited" else "(\w+)"', SOURCE)[0])
    assert named == counted | {result.title().replace("_", "") for result in get_args(Result)}


def test_every_page_is_in_the_site() -> None:
    """And in one place of its navigation."""
    navigation = re.findall(r"[\w/-]+\.md", (ROOT / "mkdocs.yml").read_text())
    pages = {path.name for path in (ROOT / "docs").glob("*.md")} | {"decisions/index.md"}
    assert sorted(navigation) == sorted(pages)


LINKS = sorted(
    (file.relative_to(ROOT).as_posix(), link)
    for file in (*ROOT.glob("[CR]*.md"), *sorted((ROOT / "docs").rglob("*.md")))
    for link in re.findall(
        r"\]\(([^)\s]+)\)", re.sub(r"```.*?```", "", file.read_text(), flags=re.DOTALL)
    )
    if not re.match(r"[a-z]+:", link)
)


@pytest.mark.parametrize(("file", "link"), LINKS)
def test_every_link_leads_somewhere(file: str, link: str) -> None:
    """To a file that there is, and to one of its headings, named as GitHub names them."""
    path, _, anchor = link.partition("#")
    target = (ROOT / file).parent / path if path else ROOT / file
    assert target.exists()
    if anchor and target.suffix == ".md":
        headings = re.findall(r"^#+ (.*)$", target.read_text(), re.MULTILINE)
        slugs = {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
        assert anchor in slugs


def test_every_way_to_sign_in_is_explained() -> None:
    """docs/connections.md has a row for each, and docs/http-api.md leaves them to it."""
    ways = (ROOT / "docs/connections.md").read_text().partition("\n## Ways to sign in\n")[2]
    rows = re.findall(r"^\| `(\w+)` \| ", ways.partition("\n## ")[0], re.MULTILINE)
    assert set(rows) - {"auth_method"} == METHODS.keys()
    assert "connections.md#ways-to-sign-in" in (ROOT / "docs/http-api.md").read_text()
