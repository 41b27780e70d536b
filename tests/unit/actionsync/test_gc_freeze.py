"""The garbage collector rests during a cold start, in Lambda only, and then works again."""

import gc
from typing import TYPE_CHECKING

import pytest

from actionsync import gc_freeze
from tests.conftest import call

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.conftest import Aws


@pytest.fixture(autouse=True)
def _collecting() -> "Iterator[None]":
    """Leave the collector as it was."""
    yield
    gc.enable()
    gc.unfreeze()


def test_it_rests_in_lambda(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only where an answer will start it again."""
    monkeypatch.delenv("AWS_LAMBDA_FUNCTION_NAME", raising=False)
    gc_freeze.pause()
    assert gc.isenabled()
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "get_config")
    gc_freeze.pause()
    assert not gc.isenabled()


def test_the_first_answer_starts_it(aws: "Aws", monkeypatch: pytest.MonkeyPatch) -> None:
    """A function that has answered collects garbage, and never looks at what it had loaded."""
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "get_config")
    gc_freeze.pause()
    assert call("get_config").status == 404
    assert gc.isenabled()
    assert gc.get_freeze_count() > 0


def test_it_is_started_once() -> None:
    """Where it works already, nothing is frozen: a warm call must not keep its garbage."""
    gc.unfreeze()  # the tests' own (tests/conftest.py)
    gc_freeze.freeze()
    assert gc.isenabled()
    assert gc.get_freeze_count() == 0
