"""CONTRIBUTING.md's worked examples are done, word for word, in a copy of the project."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.template import ROOT

TEXT = (ROOT / "CONTRIBUTING.md").read_text()
FOLDERS = ("docs", "events", "functions", "layers", "local", "operate", "tests")
FILES = ("Makefile", "CHANGELOG.md", "README.md", "mkdocs.yml", "pyproject.toml", "template.yaml")
# The file that is named last before a block is what the block is for.
NAMED = r"`([\w/]+\.(?:md|py|toml|yaml))`"
BLOCK = re.compile(r"```(\w+) ?(\w*)\n(.*?)```", re.DOTALL)


def section(title: str) -> str:
    """Return a section's text."""
    return TEXT.partition(f"## {title}\n")[2].partition("\n## ")[0]


def follow(copy: Path, title: str) -> None:
    """Do what a section's blocks say."""
    text = section(title)
    end = 0
    target = ""
    for block in BLOCK.finditer(text):
        named = re.findall(NAMED, text[end : block.start()])
        target = named[-1] if named else target
        end = block.end()
        language, name, content = block.groups()
        if language == "json":
            run(copy, "-m", "local.events", name, sent=content)
        elif language == "diff":
            _patch(copy / target, content)
        else:
            (copy / target).parent.mkdir(exist_ok=True)
            (copy / target).write_text(content)


def _patch(file: Path, diff: str) -> None:
    lines = diff.splitlines(keepends=True)
    before = "".join(line[1:] for line in lines if line[0] in " -")
    after = "".join(line[1:] for line in lines if line[0] in " +")
    text = file.read_text()
    assert text.count(before) == 1, f"{file.name}: {before}"
    file.write_text(text.replace(before, after))


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a copy of the project in which every section was followed."""
    copy = tmp_path_factory.mktemp("contribution")
    for folder in FOLDERS:
        shutil.copytree(
            ROOT / folder, copy / folder, symlinks=True,
            ignore=shutil.ignore_patterns("__pycache__"),
        )  # fmt: skip
    for file in FILES:
        shutil.copy(ROOT / file, copy)
    for title in re.findall(r"^## (Add an? .*)$", TEXT, re.MULTILINE):
        follow(copy, title)
    return copy


def run(copy: Path, *arguments: str, sent: str = "") -> str:
    """Return what a Python says, that runs the copy's code and is sent a text."""
    path = [copy, copy / "layers/actionsync", copy / "layers/servicenow_tools"]
    done = subprocess.run(  # noqa: S603 - this Python
        [sys.executable, *arguments],
        cwd=copy,
        env=os.environ
        | {
            "PYTHONPATH": os.pathsep.join(map(str, path)),
            "AWS_DEFAULT_REGION": "us-east-1",
            "POWERTOOLS_SERVICE_NAME": "actionsync",
        },
        input=sent,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


FEEDBACK = {"source": "shop", "detail-type": "Customer Feedback", "id": "e1",
            "detail": {"user_id": "ada", "page": "/cart", "mark": 1}}  # fmt: skip
SCRIPT = f"""
from datetime import UTC, datetime
from actionsync.events import sources
from actionsync.events.sources import envelopes
from actionsync.events.sources.protocol import Context
from local import events, openapi, unasync_client

now = datetime(2026, 1, 10, tzinfo=UTC)
message = envelopes.read({json.dumps(json.dumps(FEEDBACK))}, now)
print(*[event.texts["title"] for event in sources.read(message, Context(now)).events])
unasync_client.main()
openapi.main()
events.main()
"""


def test_what_they_add_works(copy: Path) -> None:
    """The source reads, and the own tests of recipe, operation and ticket type pass."""
    assert run(copy, "-c", SCRIPT).startswith("/cart: 1 of 5\n")
    paths = json.loads((copy / "docs/openapi.json").read_text())["paths"]
    assert "/api/servicenow/incidents/{id}/hold" in paths
    of_tasks = {path.partition("/catalog-tasks")[2] for path in paths if "/catalog-tasks" in path}
    assert of_tasks == {"", "/{id}", "/{id}/close", "/{id}/work-notes", "/{id}/attachments"}
    said = run(
        copy, "-m", "pytest", "-n", "0", "-vv", "-p", "no:cacheprovider", "-k",
        "uptime or every_recipe or hold_incident or catalog_task or sc_task or routes or table_of "
        "or each_source or every_reference or every_field",
        "tests/unit/actionsync/sources/test_identity.py",
        "tests/unit/actionsync/sources/test_recipes.py",
        "tests/unit/actionsync/test_rules.py",
        "tests/unit/actionsync/test_senders.py",
        "tests/unit/servicenow_tools/test_resources.py",
        "tests/unit/test_openapi.py",
        "tests/integration/test_calls.py",
        "tests/contract/test_template.py",
    )  # fmt: skip
    assert "::test_catalog_tasks" in said
    for name in ("create", "get", "update", "close"):
        assert f"{name}_catalog_task" in said
