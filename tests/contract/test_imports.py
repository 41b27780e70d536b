"""What each function may load: nothing that its path does not use."""

import json
import subprocess
import sys
from functools import cache

import pytest

from local.operations import operations
from tests.conftest import ENVIRONMENT
from tests.contract.test_template import FOLDERS, OTHERS
from tests.template import ROOT

# Third-party packages that cost a cold start, and the functions that may pay for them.
ONLY_CALLING_SERVICENOW = {"httpx", "httpcore", "h11", "anyio", "servicenow_tools"}
ONLY_WITH_INPUT = {"pydantic", "pydantic_core"}
# Rules check their templates when they are made: their defaults are checked by a test instead.
NEVER = {"aws_xray_sdk", "aws_lambda_powertools.event_handler.openapi.models", "pystache"}
OPERATIONS = list(operations())
WITHOUT_AWS = {op.folder for op in OPERATIONS if op.operation.tag == "Pages"}
WITHOUT_HTTP_API = {*OTHERS, *(name for name in FOLDERS if name.startswith("on_"))}
WITHOUT_SERVICENOW = {op.folder for op in OPERATIONS if not op.calls_servicenow}
WITHOUT_INPUT = WITHOUT_AWS | {"get_config", "delete_config", "get_health"}


# Loads what it is given, then each function in a copy of itself, and prints what is loaded there.
LOADER = """
import importlib, json, os, sys
preloaded, folders = json.loads(sys.argv[1])
for name in preloaded:
    importlib.import_module(name)
for folder in folders:
    sys.stdout.flush()
    if not (child := os.fork()):
        importlib.import_module(f"functions.{folder}.app")
        print(json.dumps([folder, sorted(sys.modules)]), flush=True)
        os._exit(0)
    if os.waitpid(child, 0)[1]:
        sys.exit(f"functions/{folder} does not load")
"""
# Loads all functions, and fails where a module does what a snapshot must not hold.
SNAPSHOT = """
import importlib, os, random, socket, ssl, sys, uuid
import botocore.client, botocore.session, opentelemetry.context
def refuse(*_, **__): raise AssertionError("not while loading")
for place, name in ((socket.socket, "connect"), (socket, "getaddrinfo"),
    (ssl, "SSLContext"), (uuid, "uuid4"), (random, "random"), (random, "randint"),
    (botocore.client.ClientCreator, "create_client")):
    setattr(place, name, refuse)
for folder in sys.argv[1:]:
    importlib.import_module(f"functions.{folder}.app")
"""


def _run(program: str, *arguments: str) -> str:
    done = subprocess.run(  # noqa: S603 - our own interpreter and program
        [sys.executable, "-c", program, *arguments],
        env=ENVIRONMENT,
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def _forbidden(folder: str) -> set[str]:
    forbidden = set(NEVER)
    if folder in WITHOUT_SERVICENOW:
        forbidden |= ONLY_CALLING_SERVICENOW
    if folder in WITHOUT_INPUT:
        forbidden |= ONLY_WITH_INPUT
    if folder in WITHOUT_HTTP_API:
        forbidden |= {"actionsync.http", "aws_lambda_powertools.event_handler"}
    if folder in WITHOUT_AWS:
        forbidden |= {"boto3", "botocore.session"}
    return forbidden


def _preloaded(folder: str) -> tuple[str, ...]:
    """Return the packages that cost most and that a function may load anyway."""
    costly = ("aws_lambda_powertools.event_handler", "boto3", "pydantic", "httpx")
    return tuple(name for name in costly if name not in _forbidden(folder))


@cache
def _loaded(preloaded: tuple[str, ...]) -> dict[str, set[str]]:
    """Return the modules that the functions load which may load these, by folder."""
    folders = [folder for folder in FOLDERS if _preloaded(folder) == preloaded]
    lines = _run(LOADER, json.dumps([preloaded, folders])).splitlines()
    return {folder: set(modules) for folder, modules in map(json.loads, lines)}


@pytest.mark.parametrize("folder", FOLDERS)
def test_a_function_loads_what_it_uses(folder: str) -> None:
    """In a process that has loaded nothing else, importing it loads no package it does not use."""
    loaded = _loaded(_preloaded(folder))[folder]
    assert f"functions.{folder}.app" in loaded
    assert not loaded & _forbidden(folder)


def test_a_snapshot_of_a_loaded_function_is_no_ones_secret() -> None:
    """Loading opens no connection, makes no client and draws no identity: SnapStart may copy it.

    What is unique or belongs to one environment (Lambda developer guide: Handling uniqueness with
    SnapStart) comes with the first invocation. That holds of each module, whoever loads it first.
    """
    _run(SNAPSHOT, *FOLDERS)
