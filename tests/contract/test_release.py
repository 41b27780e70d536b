"""A release is of one version, and says what is in it."""

import re
import shutil
import tomllib
import zipfile
from pathlib import Path

import pytest
import yaml

import servicenow_tools
from local.release import ReleaseError, notes, package
from operate.deploy import profile_of
from operate.gradual import BUILT
from tests.template import ROOT

VERSION = (ROOT / "VERSION").read_text().strip()
PACKAGES = ("", "packaging/simulator/", "packaging/operate/")
CHANGELOG = (ROOT / "CHANGELOG.md").read_text()
WORKFLOW = yaml.safe_load((ROOT / ".github/workflows/release.yml").read_text())


def test_all_packages_have_one_version() -> None:
    """What VERSION says, the packages and the client say, too."""
    assert re.fullmatch(r"\d+\.\d+\.\d+", VERSION)
    for folder in PACKAGES:
        project = tomllib.loads((ROOT / f"{folder}pyproject.toml").read_text())["project"]
        assert project["version"] == VERSION, folder
    assert servicenow_tools.__version__ == VERSION


def test_the_changelog_keeps_its_form() -> None:
    """Keep a Changelog: sections by version, newest first, and changes by kind."""
    versions = re.findall(r"^## \[(.*?)\](.*)$", CHANGELOG, re.MULTILINE)
    assert versions[0] == ("Unreleased", "")
    for _, date in versions[1:]:
        assert re.fullmatch(r" - \d{4}-\d\d-\d\d", date)
    kinds = set(re.findall(r"^### (.*)$", CHANGELOG, re.MULTILINE))
    assert kinds <= {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}


def test_notes_are_a_versions_section() -> None:
    """Whole, and of no other version."""
    text = "# Changelog\n\n## [Unreleased]\n\n## [1.2.0] - 2026-02-01\n\n### Added\n\n- A.\n\n"
    text += "## [1.1.0] - 2026-01-01\n\n- B.\n"
    recorded = ["1.1.0", "1.2.0"]
    assert notes("v1.2.0", "1.2.0", text, recorded) == "### Added\n\n- A.\n"
    assert notes("v1.1.0", "1.1.0", text, recorded) == "- B.\n"
    with pytest.raises(ReleaseError, match=r"v1\.2\.1 is not v1\.2\.0"):
        notes("v1.2.1", "1.2.0", text, recorded)
    for version, changes in (("1.3.0", text), ("1.3.0", text + "## [1.3.0] - 2026-03-01\n\n")):
        with pytest.raises(ReleaseError, match=r"no section \[1\.3\.0\]"):
            notes(f"v{version}", version, changes, recorded)
    with pytest.raises(ReleaseError, match=r"no version 1\.2: run `make record`"):
        notes("v1.2.0", "1.2.0", text, ["1.1.0"])


def test_a_package_deploys_without_a_checkout(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Unpacked, it has what `actionsync deploy` reads."""
    names = (BUILT, Path(".aws-sam/build/GetConfigFunction/app.py"),
             Path("deploy/default.yaml"), Path("samconfig.toml"))  # fmt: skip
    for name in names:
        (tmp_path / "of" / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / "samconfig.toml", tmp_path / "of" / name)
    package(tmp_path / "of", tmp_path / "package.zip")
    with zipfile.ZipFile(tmp_path / "package.zip") as archive:
        archive.extractall(tmp_path / "unpacked")
    monkeypatch.chdir(tmp_path / "unpacked")
    assert all(name.is_file() for name in names)
    assert profile_of("default", Path())["stack_name"] == "actionsync"


def test_what_is_released_is_tested_and_attested() -> None:
    """Tests come first; wheels, the built template and the bill of materials are attested."""
    job = WORKFLOW["jobs"]["release"]
    assert job["needs"] == "test"
    assert job["permissions"] == {"contents": "write", "id-token": "write", "attestations": "write"}
    steps = [step.get("run", "") + step.get("uses", "") for step in job["steps"]]
    attested = next(i for i, step in enumerate(steps) if "attest-build-provenance@" in step)
    built = "\n".join(steps[:attested])
    for target in ("make wheel sbom", "make build", 'local.release "$TAG" --package'):
        assert target in built
    assert job["steps"][attested]["with"]["subject-path"] == "dist/*"
    assert "gh release create" in "\n".join(steps[attested:])


@pytest.mark.parametrize("name", ["bug", "source"])
def test_forms_of_issues_are_forms(name: str) -> None:
    """As GitHub wants them: a name, a description, and fields with ids and labels."""
    form = yaml.safe_load((ROOT / f".github/ISSUE_TEMPLATE/{name}.yml").read_text())
    assert form["name"]
    assert form["description"]
    fields = [field for field in form["body"] if field["type"] != "markdown"]
    assert {field["type"] for field in fields} <= {"input", "textarea"}
    assert len({field["id"] for field in fields}) == len(fields) > 1
    assert all(field["attributes"]["label"] for field in fields)
