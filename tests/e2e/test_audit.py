"""The audit trail on the deployed stack: whole after many writers, and tampering shows."""

import os
import subprocess
import sys
import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from local.cloud import REGION, ROOT, STACK

if TYPE_CHECKING:
    from collections.abc import Callable

    from local.cloud import LocalCloud
    from tests.e2e.conftest import User


def _verify(cloud: "LocalCloud", user_id: str) -> tuple[int, str]:
    """Run the command as an operator does."""
    done = subprocess.run(  # noqa: S603 - our own command
        [sys.executable, "-m", "operate.verify_audit", STACK, "--user", user_id],
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
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


def test_writers_at_once_make_one_chain(
    cloud: "LocalCloud", new_user: "Callable[[], User]"
) -> None:
    """Eight calls at once of one user: each recorded, unbroken, until one is tampered with."""
    user = new_user()
    user.connect(cloud)

    def note(number: int) -> int:
        body = {"short_description": f"Storm {number}"}
        key = {"Idempotency-Key": uuid.uuid4().hex} if number % 2 else {}
        return user.call("POST", "incidents", body, headers=key).status_code

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(note, range(16))) == {201}
    items = user.call("GET", "activity?limit=50").json()["items"]
    assert [item["action"] for item in items].count("created") == 16
    assert {item["outcome"] for item in items} == {"done"}
    status, told = _verify(cloud, user.id)
    # Without a key a write is announced, as the connection was: 8 + 2 * 8 + 2.
    assert (status, f"{user.id}: 26 records, unbroken" in told) == (0, True), told

    table = cloud.client("cloudformation").describe_stack_resource(
        StackName=STACK, LogicalResourceId="AuditTable"
    )["StackResourceDetail"]["PhysicalResourceId"]
    cloud.client("dynamodb").update_item(
        TableName=table,
        Key={"pk": {"S": user.id}, "sk": {"N": "7"}},
        UpdateExpression="SET expires_at = :soon",
        ExpressionAttributeValues={":soon": {"N": "1"}},
    )
    status, told = _verify(cloud, user.id)
    assert (status, f"{user.id}: BROKEN at 7: the record was changed" in told) == (1, True), told
