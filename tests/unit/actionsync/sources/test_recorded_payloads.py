"""Every payload of GitHub's that the octokit project has recorded: none is refused, none crashes.

They are the npm package @octokit/webhooks-examples (MIT), fetched when the test runs.
"""

import json
import subprocess
import tarfile
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest

from actionsync.events import drafts
from actionsync.rules.models import GithubRule, Rules
from tests.unit.actionsync.sources.readings import from_github

if TYPE_CHECKING:
    from pathlib import Path

PACKAGE = "@octokit/webhooks-examples@7.6.1"
EVERYTHING = Rules(
    github=GithubRule(
        events=["workflow_run", "check_run", "deployment", "deployment_status", "release",
                "issues", "dependabot_alert", "code_scanning_alert", "secret_scanning_alert"],
        branches=["*"], issue_labels=["*"], environments=["*"],
    )
)  # fmt: skip
# What became of each, under rules that take everything; whatever is not named here is ignored.
# Ignored are what is not over (check runs created, workflows without a conclusion), what says
# nothing of a state (issues edited or assigned), and drafts, edits and pre-releases of releases.
BECAME = {
    "check_run": {"ignored": 13, "incident trigger": 1, "incident resolve": 4},
    "code_scanning_alert": {"incident trigger": 11, "incident resolve": 2},
    "dependabot_alert": {"incident trigger": 1, "incident resolve": 2},
    "deployment": {"change trigger": 11},
    "deployment_status": {"change trigger": 1, "change resolve": 10},
    "issues": {"ignored": 37, "incident trigger": 9, "incident resolve": 4},
    "release": {"ignored": 9, "change resolve": 11},
    "secret_scanning_alert": {"incident trigger": 7},
    "workflow_run": {"ignored": 8, "incident resolve": 2},
}


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[str, dict[str, Any]]]:
    """The payloads, each with the name of its event."""
    folder: Path = tmp_path_factory.mktemp("payloads")
    subprocess.run(  # noqa: S603 - a fixed command
        ["npm", "pack", "--silent", PACKAGE],  # noqa: S607 - found in the PATH
        cwd=folder, check=True, timeout=120, capture_output=True,
    )  # fmt: skip
    found = []
    with tarfile.open(next(folder.glob("*.tgz"))) as archive:
        for member in archive.getmembers():
            content = archive.extractfile(member)
            if member.name.endswith("/index.json") and content is not None:
                for event in json.load(content):
                    found += [(event["name"], example) for example in event["examples"]]
    return found


@pytest.mark.needs("npm")
def test_every_recorded_payload_is_understood(
    recorded: list[tuple[str, dict[str, Any]]],
) -> None:
    """Of github.com and of five releases of GitHub Enterprise Server."""
    assert len(recorded) == 726
    became: dict[str, Counter[str]] = {}
    for name, payload in recorded:
        event = from_github(name, payload, EVERYTHING)
        from_github(name, payload)
        outcome = "ignored" if event is None else f"{event.kind} {event.action}"
        became.setdefault(name, Counter())[outcome] += 1
        if event is None:
            continue
        assert event.texts["link"].startswith("https://"), (name, event.texts)
        if name != "secret_scanning_alert":  # old servers give it no moment
            assert event.moment.year < 2026, name  # its own, not the delivery's
        rule = Rules().errors if event.kind == "incident" else Rules().deployments
        draft = drafts.ticket(event, rule, event.texts, "actionsync-x")
        assert draft.columns["short_description"]
    assert {
        name: dict(counts) for name, counts in became.items() if set(counts) != {"ignored"}
    } == (BECAME)
