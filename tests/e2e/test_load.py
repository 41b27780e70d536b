"""Many users at once on the deployed stack: nothing twice, nothing lost, nobody meets.

Each user signs in to ServiceNow with an account of their own and has a mark in all that is theirs;
all use the same idempotency keys, each from several threads. A call that fails is made again with
its key, as callers should. Whatever happens, there is an answer, and it is clear.
`LOAD_SECONDS=600 pytest --log-cli-level=INFO tests/e2e/test_load.py` goes on for long and tells the
counts.
"""

import itertools
import logging
import os
import random
import time
import uuid
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from copy import copy
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from actionsync.stores.correlations import CorrelationStore
from actionsync.stores.idempotency import UNCERTAIN_SECONDS
from local.servicenow import faults
from local.servicenow.faults import Fault
from tests.e2e.conftest import put, wait_for

if TYPE_CHECKING:
    from collections.abc import Callable

    import httpx

    from local.cloud import LocalCloud
    from tests.e2e.conftest import User

logger = logging.getLogger(__name__)

SECONDS = float(os.environ.get("LOAD_SECONDS", "8"))
USERS = 4
CAUSES = 3
LONGEST_PAUSE = 1
# What passes when it is tried again, before the work and after it.
TROUBLES = (
    faults.unavailable(503),
    faults.unavailable(502, after_commit=True),
    faults.server_error(after_commit=True),
    faults.rate_limited(1),
    faults.dropped(method="GET"),
    Fault(reset=True),
    Fault(reset=True, after_commit=True),
    Fault(half=True),
    Fault(delay=2),
)

pytestmark = pytest.mark.timeout(SECONDS + 600)


@dataclass
class Tenant:
    """A user with an account of their own in ServiceNow.

    Attributes:
        user: the user of the API.
        mark: the account's name, and in all that is the user's.
        tickets: the numbers that were answered, by key; none yet if the call has to be repeated.
        notes: the same of notes: whether it was answered.
        sent: the cause of each event that was put on the bus.
        answers: all answers.
    """

    user: "User"
    mark: str = field(default_factory=lambda: f"mark{uuid.uuid4().hex[:12]}")
    tickets: dict[str, set[str]] = field(default_factory=dict)
    notes: dict[str, bool] = field(default_factory=dict)
    sent: list[str] = field(default_factory=list)
    answers: list["httpx.Response"] = field(default_factory=list)

    def call(self, method: str, path: str, body: Any = None, key: str = "") -> "httpx.Response":
        """Call the API once."""
        headers = {"Idempotency-Key": key} if key else {}
        answer = self.user.call(method, path, body, headers=headers)
        self.answers.append(answer)
        if not answer.is_success:
            assert answer.headers["content-type"] == "application/problem+json", answer.text
            problem = answer.json()
            assert problem["status"] == answer.status_code != 500, problem
            assert problem["detail"]
            time.sleep(min(int(answer.headers.get("Retry-After", 0)), LONGEST_PAUSE))
        return answer

    def open(self, key: str) -> bool:
        """Open the key's incident; return whether it was answered."""
        numbers = self.tickets.setdefault(key, set())
        new = {"short_description": "Checkout answers 500", "description": f"{self.mark} {key}"}
        answer = self.call("POST", "incidents", new, key)
        if answer.is_success:
            assert answer.json()["description"] == new["description"]
            numbers.add(answer.json()["number"])
        return answer.is_success

    def note(self, key: str) -> bool:
        """Leave the key's note on the key's incident; return whether it was answered."""
        self.notes.setdefault(key, False)
        path = f"incidents/{min(self.tickets[key])}/work-notes"
        answer = self.call("POST", path, {"work_note": f"{self.mark} {key}"}, f"note {key}")
        if answer.is_success:
            self.notes[key] = True
        return answer.is_success

    def read(self, key: str) -> None:
        """Read what is the user's own."""
        assert self.call("GET", "config").json()["username"] == self.mark
        answer = self.call("GET", f"incidents/{min(self.tickets[key])}")
        if answer.is_success:
            assert answer.json()["description"] == f"{self.mark} {key}"

    def tell(self, cloud: "LocalCloud", cause: str) -> None:
        """Put an event on the bus, as an application does."""
        event = {
            "user_id": self.user.id,
            "service": f"{self.mark} {cause}",
            "severity": "critical",
            "message": "Payment failed",
        }
        put(cloud, "Application Error", event)
        self.sent.append(event["service"])

    def work(self, cloud: "LocalCloud", ends_at: float) -> None:
        """Open, note, read and tell until it is time, and twice at least."""
        for turn in itertools.count():
            if turn > 1 and time.monotonic() > ends_at:
                return
            key = f"key {turn}"
            if self.open(key):
                self.note(key)
                self.read(key)
            if turn % 4 == 0:
                self.tell(cloud, f"cause {turn % CAUSES}")

    def finish(self) -> bool:
        """Repeat what has not been answered; return whether all is."""
        missing = [partial(self.open, key) for key, numbers in self.tickets.items() if not numbers]
        missing += [partial(self.note, key) for key, is_done in self.notes.items() if not is_done]
        return all(repeat() for repeat in missing)

    def counted(self, cloud: "LocalCloud", causes: CorrelationStore) -> Counter[str]:
        """Return how many events each of the user's causes has counted."""
        return Counter(
            {
                row["short_description"].partition(":")[0]: causes.get(
                    row["correlation_id"].removeprefix("actionsync-")
                ).count
                for row in cloud.simulator.records("incident")
                if row["short_description"].startswith(self.mark)
            }
        )

    def finish_events(self, cloud: "LocalCloud", causes: CorrelationStore) -> bool:
        """Retry what waits, as a person would; return whether each event has been processed."""
        answer = self.call("GET", "unfinished-events?state=waiting&limit=100")
        for item in answer.json()["items"] if answer.is_success else ():
            self.call("POST", f"unfinished-events/{item['id']}/retry")
        return self.counted(cloud, causes) >= Counter(self.sent)

    def check(self, cloud: "LocalCloud", causes: CorrelationStore) -> None:
        """See in ServiceNow that all is there once, made by the user's own account."""
        incidents = cloud.simulator.records("incident")
        ours = [row for row in incidents if self.mark in row["description"]]
        theirs = [row for row in incidents if row["sys_created_by"] == self.mark]
        assert ours == theirs
        of_events = [row for row in ours if row["correlation_display"] == "ActionSync"]
        opened = [row for row in ours if row not in of_events]
        assert len(opened) == len(self.tickets)
        assert {row["description"]: {row["number"]} for row in opened} == {
            f"{self.mark} {key}": numbers for key, numbers in self.tickets.items()
        }
        assert len(of_events) == len(set(self.sent))
        assert self.counted(cloud, causes) == Counter(self.sent)
        journal = cloud.simulator.records("sys_journal_field")
        noted = [row for row in journal if row["value"].startswith(f"{self.mark} key")]
        assert {row["sys_created_by"] for row in noted} <= {self.mark}
        assert sorted(row["value"] for row in noted) == sorted(
            f"{self.mark} {key}" for key in self.notes
        )
        page = self.call("GET", "activity?limit=100").json()
        seen = {item["number"] for item in page["items"] if item.get("table") == "incident"}
        assert seen <= {row["number"] for row in ours}


@pytest.fixture
def tenants(cloud: "LocalCloud", new_user: "Callable[[], User]") -> list[Tenant]:
    """Users who have connected."""
    tenants = [Tenant(new_user()) for _ in range(USERS)]
    for tenant in tenants:
        password = uuid.uuid4().hex
        cloud.simulator.instance.add_user(tenant.mark, password, "itil")
        tenant.user.connect(cloud, tenant.mark, password)
    return tenants


def be_certain(cloud: "LocalCloud") -> None:
    """Backdate the writes that had no answer, instead of waiting until they are surely over."""
    dynamodb, table = cloud.client("dynamodb"), cloud.resource("IdempotencyTable")
    for page in dynamodb.get_paginator("scan").paginate(TableName=table):
        for record in page["Items"]:
            if "sent_until" in record and "answer" not in record:
                with suppress(dynamodb.exceptions.ConditionalCheckFailedException):  # taken over
                    dynamodb.update_item(
                        TableName=table,
                        Key={"pk": record["pk"]},
                        UpdateExpression="ADD sent_until :less",
                        ConditionExpression="attribute_exists(sent_until)",
                        ExpressionAttributeValues={":less": {"N": str(-UNCERTAIN_SECONDS)}},
                    )


def settle(cloud: "LocalCloud", tenants: list[Tenant]) -> None:
    """Repeat what was not answered until all is done, and see that it is right."""
    cloud.simulator.faults.clear()
    be_certain(cloud)
    # A connection that is seen to work is paused no longer, nor is its instance.
    for tenant in tenants:
        wait_for("connection", lambda: tenant.call("POST", "test").is_success)  # noqa: B023
    causes = CorrelationStore(cloud.client("dynamodb"), cloud.resource("EventsTable"))
    for tenant in tenants:
        wait_for("answers", tenant.finish, 240)
        wait_for("counted events", partial(tenant.finish_events, cloud, causes), 180)
        tenant.check(cloud, causes)
    answers = [answer for tenant in tenants for answer in tenant.answers]
    logger.info(
        "%s calls, answered %s after %.1f s at most: %s incidents, %s notes, %s events",
        len(answers),
        dict(sorted(Counter(answer.status_code for answer in answers).items())),
        max(answer.elapsed for answer in answers).total_seconds(),
        sum(len(tenant.tickets) for tenant in tenants),
        sum(len(tenant.notes) for tenant in tenants),
        sum(len(tenant.sent) for tenant in tenants),
    )


def at_once(*calls: "Callable[[], object]") -> None:
    """Make calls at the same time, and raise what any of them raises."""
    with ThreadPoolExecutor(len(calls)) as pool:
        for future in [pool.submit(call) for call in calls]:
            future.result()


def test_a_spike(cloud: "LocalCloud", tenants: list[Tenant]) -> None:
    """Everybody at one moment, each key three times: one incident for each user and key."""
    calls = [partial(tenant.open, f"key {number}") for tenant in tenants for number in range(3)]
    at_once(*calls * 3)
    settle(cloud, tenants)


def test_a_sustained_load(cloud: "LocalCloud", tenants: list[Tenant]) -> None:
    """Two callers a user, going through the same keys, for as long as it takes."""
    ends_at = time.monotonic() + SECONDS
    at_once(*[partial(tenant.work, cloud, ends_at) for tenant in tenants] * 2)
    assert all(len(tenant.tickets) > 1 for tenant in tenants)
    settle(cloud, tenants)


def test_a_soak(cloud: "LocalCloud", tenants: list[Tenant]) -> None:
    """The same, while ServiceNow fails every now and then, before or after it did its work."""
    ends_at = time.monotonic() + SECONDS
    chance = random.Random(4711)  # noqa: S311 - no secret

    def spoil() -> None:
        while time.monotonic() < ends_at:
            cloud.simulator.faults.add(copy(chance.choice(TROUBLES)))
            time.sleep(chance.uniform(0.2, 2))

    at_once(spoil, *[partial(tenant.work, cloud, ends_at) for tenant in tenants] * 2)
    settle(cloud, tenants)
