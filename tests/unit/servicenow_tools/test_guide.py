"""The guide's examples, run as written and in their order."""

import ast
import asyncio
import inspect
import types
from pathlib import Path
from typing import Any

import pytest
from sybil import Document, Example
from sybil.parsers.markdown import CodeBlockParser

from local.servicenow import Simulator, seed
from local.servicenow.access import Application

ROOT = Path(__file__).parents[3]


def run_all(document: Path, namespace: dict[str, Any], replaced: dict[str, str]) -> int:
    """Run a document's blocks of Python in their order, and return how many there are."""
    with asyncio.Runner() as runner:

        def run(example: Example) -> None:
            text = str(example.parsed)
            for name, value in replaced.items():
                assert name in text
                text = text.replace(name, value)
            code = compile(text, example.path, "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
            outcome = types.FunctionType(code, namespace)()
            if inspect.iscoroutine(outcome):
                runner.run(outcome)

        examples = list(Document.parse(str(document), CodeBlockParser("python", run)).examples())
        for example in examples:
            example.evaluate()
    return len(examples)


def test_the_guide(
    simulator: Simulator, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Every block does what it says; it prints, and leaves what it made."""
    monkeypatch.setenv("SSL_CERT_FILE", simulator.ca_file)
    user = seed.INTEGRATION_USER
    simulator.instance.add_application(Application("client id", "secret", user))
    namespace: dict[str, Any] = {
        "url": simulator.url,
        "username": user,
        "password": seed.USERS[user][0],
        "client_secret": "secret",
    }
    assert run_all(ROOT / "docs/client.md", namespace, {}) >= 12
    printed = capsys.readouterr().out
    assert "200 made in four round trips\n2 deleted\n" in printed
    assert "prioritty: is no field of incident" in printed
    assert "Implement" not in simulator.one("change_request", type="standard")["state"]
    assert simulator.one("change_request", type="standard")["state"] == "3"


def test_the_readme(
    simulator: Simulator, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its example, with the simulator's URL and user."""
    monkeypatch.setenv("SSL_CERT_FILE", simulator.ca_file)
    user = seed.INTEGRATION_USER
    replaced = {
        "https://example.service-now.com": simulator.url,
        'username="..."': f"username={user!r}",
        'password="..."': f"password={seed.USERS[user][0]!r}",
    }
    assert run_all(ROOT / "README.md", {}, replaced) == 1
    made = simulator.one("incident", short_description="Checkout answers 500")
    assert made["close_notes"] == "Failed over to the second provider."
    assert made["number"] in capsys.readouterr().out
