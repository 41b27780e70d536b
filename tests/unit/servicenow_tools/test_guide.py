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

DOCS = Path(__file__).parents[3] / "docs"


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
    with asyncio.Runner() as runner:

        def run(example: Example) -> None:
            code = compile(
                example.parsed, example.path, "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
            )
            outcome = types.FunctionType(code, namespace)()
            if inspect.iscoroutine(outcome):
                runner.run(outcome)

        parser = CodeBlockParser("python", run)
        document = Document.parse(str(DOCS / "client.md"), parser)
        examples = list(document.examples())
        for example in examples:
            example.evaluate()
    assert len(examples) >= 12
    printed = capsys.readouterr().out
    assert "200 made in four round trips\n2 deleted\n" in printed
    assert "prioritty: is no field of incident" in printed
    assert "Implement" not in simulator.one("change_request", type="standard")["state"]
    assert simulator.one("change_request", type="standard")["state"] == "3"
