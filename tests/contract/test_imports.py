"""What each function may load: nothing that its path does not use."""

import json
import subprocess
import sys

import pytest

from tests.conftest import ENVIRONMENT
from tests.contract.test_template import FOLDERS
from tests.template import ROOT

# Third-party packages that cost a cold start, and the functions that may pay for them.
ONLY_CALLING_SERVICENOW = {"httpx", "httpcore", "h11", "anyio", "servicenow_tools"}
ONLY_WITH_INPUT = {"pydantic", "pydantic_core"}
NEVER = {
    "aws_xray_sdk", "aws_lambda_powertools.event_handler.openapi.models",
}  # fmt: skip
PAGES = {"show_settings", "show_docs", "show_asset", "show_openapi"}
WITHOUT_AWS = PAGES
WITHOUT_SERVICENOW = {
    "get_config", "create_config", "update_config", "delete_config", "get_rules", "update_rules",
    "get_activity", "get_health", "create_github_webhook", "receive_github_webhook",
    "list_github_webhooks", "delete_github_webhook", *PAGES,
}  # fmt: skip
# Rules check their templates when they are made: their defaults are checked by a test instead.
WITH_TEXTS: set[str] = set()
WITHOUT_INPUT = {"get_config", "delete_config", "get_health", *PAGES}


@pytest.mark.parametrize("folder", FOLDERS)
def test_a_function_loads_what_it_uses(folder: str) -> None:
    """In a fresh process, importing a function loads no package that its path does not use."""
    program = (
        f"import sys, json, functions.{folder}.app; "
        "print(json.dumps(sorted(name for name in sys.modules)))"
    )
    done = subprocess.run(  # noqa: S603 - our own interpreter and program
        [sys.executable, "-c", program],
        env=ENVIRONMENT,
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    loaded = set(json.loads(done.stdout))
    forbidden = set(NEVER)
    if folder not in WITH_TEXTS:
        forbidden.add("pystache")
    if folder in WITHOUT_SERVICENOW:
        forbidden |= ONLY_CALLING_SERVICENOW
    if folder in WITHOUT_INPUT:
        forbidden |= ONLY_WITH_INPUT
    if folder in WITHOUT_AWS:
        forbidden |= {"boto3", "botocore.session"}
    assert not loaded & forbidden


@pytest.mark.parametrize("folder", FOLDERS)
def test_a_snapshot_of_a_loaded_function_is_no_ones_secret(folder: str) -> None:
    """Loading opens no connection, makes no client and draws no identity: SnapStart may copy it.

    What is unique or belongs to one environment (Lambda developer guide: Handling uniqueness with
    SnapStart) comes with the first invocation.
    """
    program = (
        "import os, socket, ssl, sys, uuid, random\n"
        "import botocore.client, botocore.session\n"
        "def refuse(*_, **__): raise AssertionError('not while loading')\n"
        "for place, name in ((socket.socket, 'connect'), (socket, 'getaddrinfo'),\n"
        "    (ssl, 'SSLContext'), (uuid, 'uuid4'), (random, 'random'), (random, 'randint'),\n"
        "    (botocore.client.ClientCreator, 'create_client')):\n"
        "    setattr(place, name, refuse)\n"
        f"import functions.{folder}.app\n"
    )
    done = subprocess.run(  # noqa: S603 - our own interpreter and program
        [sys.executable, "-c", program],
        env=ENVIRONMENT,
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
