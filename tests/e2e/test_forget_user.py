"""`make forget-user` on the deployed stack: with its pool, its tables and its real queues."""

import os
import subprocess
import sys
from typing import TYPE_CHECKING

from local.cloud import REGION, ROOT, STACK

if TYPE_CHECKING:
    from collections.abc import Callable

    from local.cloud import LocalCloud
    from tests.e2e.conftest import User


def test_a_user_is_gone(cloud: "LocalCloud", new_user: "Callable[[], User]") -> None:
    """Who could sign in and had a ticket is nobody, by the command that an operator types."""
    user, other = new_user(), new_user()
    for each in (user, other):
        each.connect(cloud)
    assert user.call("POST", "incidents", {"short_description": "x"}).status_code == 201

    def run() -> dict[str, int]:
        done = subprocess.run(  # noqa: S603 - our own command
            [sys.executable, "-m", "operate", "forget-user", STACK, user.id],
            cwd=ROOT,
            env={
                "PATH": os.environ["PATH"],
                "AWS_ENDPOINT_URL": cloud.endpoint,
                "AWS_DEFAULT_REGION": REGION,
                "AWS_ACCESS_KEY_ID": "test",
                "AWS_SECRET_ACCESS_KEY": "test",
            },
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        )
        lines = [line.split(maxsplit=1) for line in done.stdout.splitlines()]
        return {what: int(count) for count, what in lines}

    found = run()
    assert (found["users of the pool"], found["connections"]) == (1, 1)
    assert found["records of the audit trail"] == 4
    assert set(run().values()) == {0}
    assert user.call("GET", "config").status_code == 404
    assert user.call("GET", "activity").json()["items"] == []
    assert other.call("GET", "config").status_code == 200
    pages = cloud.client("cognito-idp").get_paginator("list_users")
    names = str(list(pages.paginate(UserPoolId=cloud.outputs["UserPoolId"])))
    assert user.id not in names
    assert other.id in names
