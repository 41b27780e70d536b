"""A build deploys with the Python that built it alone."""

import sys
from pathlib import Path

import pytest
import yaml

from local import pin_runtime
from local.pin_runtime import pin

TEMPLATE = """
Parameters:
  Runtime:
    Type: String
    Default: python3.13
    AllowedValues: [python3.13, python3.12, python3.11]
Resources: {}
"""


def test_a_build_allows_its_own_runtime_alone() -> None:
    """CloudFormation refuses any other value, a stack's previous one among them."""
    built, default = pin(TEMPLATE, "python3.11")
    parameter = yaml.safe_load(built)["Parameters"]["Runtime"]
    assert parameter == {
        "Type": "String",
        "Default": "python3.11",
        "AllowedValues": ["python3.11"],
    }
    assert default == "python3.13"


SENTENCE = (
    "Built with python3.11, while the template's Runtime is python3.13: this build deploys with "
    "Runtime=python3.11 alone.\n"
)


@pytest.mark.parametrize(
    ("runtime", "said"),
    [
        ("python3.13", ""),
        ("python3.11", SENTENCE),
    ],
)
def test_another_python_than_the_templates_is_said(
    runtime: str,
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """One sentence where they differ, nothing where they do not."""
    file = tmp_path / "template.yaml"
    file.write_text(TEMPLATE)
    monkeypatch.setattr(pin_runtime, "BUILT", file)
    monkeypatch.setattr(sys, "argv", ["pin_runtime", runtime])
    pin_runtime.main()
    assert capsys.readouterr().out == said
    assert yaml.safe_load(file.read_text())["Parameters"]["Runtime"]["AllowedValues"] == [runtime]
