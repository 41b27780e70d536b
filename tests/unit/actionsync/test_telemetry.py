"""What is logged at each `LogLevel`, by Powertools itself, and what Lambda lets through of it."""

import json
import os
import subprocess
import sys
from typing import Any

import pytest

from tests.template import template

LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")
HANDLER = """
from types import SimpleNamespace
from aws_lambda_powertools.metrics import MetricUnit
from actionsync.telemetry import audit_logger, logger, metrics

names = ("function_name", "memory_limit_in_mb", "invoked_function_arn", "aws_request_id")
context = SimpleNamespace(**dict.fromkeys(names, "x"))

@metrics.log_metrics
@logger.inject_lambda_context
def lambda_handler(event, context):
    for level in ("debug", "info", "warning", "error"):
        getattr(logger, level)("said")
    audit_logger.info("audited", record={})
    metrics.add_metric(name="Created", unit=MetricUnit.Count, value=1)

lambda_handler({}, context)
lambda_handler({}, context)
"""


def application_level(log_level: str) -> str:
    """Return the level at which Lambda filters, as the template sets it for a `LogLevel`."""
    config = template()["Globals"]["Function"]["LoggingConfig"]
    assert config["LogFormat"] == "JSON"
    name, then, otherwise = config["ApplicationLogLevel"]["Fn::If"]
    parameter, value = template()["Conditions"][name]["Fn::Equals"]
    assert parameter == {"Ref": "LogLevel"}
    return str(then if log_level == value else otherwise)


def passes(line: dict[str, Any], level: str) -> bool:
    """Return whether Lambda sends a line to the log group.

    A line without a level, or without a moment in RFC 3339, counts as INFO (Lambda developer guide:
    Log-level filtering); Powertools' moments are none.
    """
    order = ("TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL")
    return any(order.index(each) >= order.index(level) for each in ("INFO", line.get("level"))
               if each in order)  # fmt: skip


@pytest.mark.parametrize("log_level", LEVELS)
def test_every_level_works(log_level: str) -> None:
    """Lines of that level and above; metrics and the audit trail's lines always, once each."""
    level = application_level(log_level)
    environment = {
        "AWS_LAMBDA_LOG_FORMAT": "JSON",
        "AWS_LAMBDA_LOG_LEVEL": level,
        "POWERTOOLS_LOG_LEVEL": log_level,
        "POWERTOOLS_SERVICE_NAME": "actionsync",
        "STACK_NAME": "mine",
    }
    done = subprocess.run(  # noqa: S603 - our own Python
        [sys.executable, "-W", "error", "-c", HANDLER],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    lines = [line for line in lines if passes(line, level)]
    said = [line["level"] for line in lines if line.get("message") == "said"]
    assert said == [*LEVELS[LEVELS.index(log_level) :]] * 2
    assert sum(line.get("message") == "audited" for line in lines) == 2
    metrics = [line for line in lines if "_aws" in line]
    assert [(each["Created"], each["stack"]) for each in metrics] == [([1.0], "mine")] * 2
    dimensions = metrics[0]["_aws"]["CloudWatchMetrics"][0]["Dimensions"]
    assert dimensions == [["stack", "service"]]


def test_lambda_would_drop_metrics_above_info() -> None:
    """Why the template never asks it to."""
    assert not passes({"_aws": {}}, "WARN")
    assert {application_level(level) for level in LEVELS} == {"DEBUG", "INFO"}
    assert template()["Parameters"]["LogLevel"]["AllowedValues"] == list(LEVELS)


def test_functions_know_their_stack() -> None:
    """Its name is a dimension of all metrics."""
    variables = template()["Globals"]["Function"]["Environment"]["Variables"]
    assert variables["STACK_NAME"] == {"Ref": "AWS::StackName"}
