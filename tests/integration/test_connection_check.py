"""The scheduled check of the automation user's connection: one number, whatever happens."""

import importlib
import json
from typing import TYPE_CHECKING

import pytest

from local.servicenow import faults, seed
from tests.conftest import LambdaContext, event
from tests.integration.conftest import connect

if TYPE_CHECKING:
    from local.servicenow import Simulator
    from tests.conftest import Aws


def check(capsys: pytest.CaptureFixture[str]) -> float:
    """Return the metric that a run of the schedule leaves."""
    capsys.readouterr()
    handler = importlib.import_module("functions.check_connection.app").lambda_handler
    handler(event("check_connection"), LambdaContext())
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines() if "_aws" in line]
    ((metric,),) = (line["ConnectionWorks"] for line in lines)
    return float(metric)


def test_a_connection_that_works_counts_one(
    aws: "Aws", simulator: "Simulator", capsys: pytest.CaptureFixture[str]
) -> None:
    """And none, a refused one, and an instance that is away count zero, until it works again."""
    assert check(capsys) == 0
    connect(simulator, seed.INTEGRATION_USER, "automation")
    assert check(capsys) == 1
    for fault in (faults.error(401, "no", "no", times=None), faults.hibernating(times=None)):
        simulator.faults.add(fault)
        assert check(capsys) == 0
        simulator.faults.clear()
    assert check(capsys) == 1
