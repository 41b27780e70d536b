"""Ten owners on one instance: who is limited, refused or floods takes nothing from the others.

Waits and requests are counted, not seconds: the other seven fare as if they were alone.
"""

from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest

from local.servicenow import faults
from tests.conftest import _forget, call
from tests.integration.events import Queues, deployment, error, send

if TYPE_CHECKING:
    from local.servicenow import Simulator
    from tests.conftest import Aws
    from tests.integration.conftest import Clock

CALM = [f"calm-{number}" for number in range(7)]
LIMITED, REFUSED, FLOODING = "limited", "refused", "flooding"
MINUTES = 2
PASSWORD = "of the integration"

pytestmark = pytest.mark.filterwarnings("ignore:No application metrics:UserWarning")


def joins(simulator: "Simulator", owner: str, password: str = PASSWORD) -> None:
    """Give an owner an account of its own, and store a connection."""
    simulator.instance.add_user(owner, PASSWORD, "itil")
    body = {"instance_url": simulator.url, "username": owner, "password": password}
    assert call("create_config", body, user_id=owner).status == 201


def fare(
    simulator: "Simulator", queues: Queues, time: "Clock", *, is_troubled: bool
) -> tuple[Counter[str], Counter[str]]:
    """Let events come for some minutes; return the calm owners' waits and requests."""
    for owner in CALM:
        joins(simulator, owner)
    if is_troubled:
        for owner in (LIMITED, FLOODING):
            joins(simulator, owner)
        joins(simulator, REFUSED, "another password")
        # The limit is on the table that nobody else writes.
        simulator.faults.add(faults.rate_limited(3600, path="*change*", times=None))
    waits: Counter[str] = Counter()
    for minute in range(MINUTES):
        records = [error(user_id=owner, service=f"s{minute}") for owner in CALM]
        if is_troubled:
            records += [error(user_id=FLOODING, service=f"f{minute}-{n}") for n in range(15)]
            records += [error(user_id=REFUSED, service=f"r{minute}-{n}") for n in range(3)]
            changes = [deployment("started", user_id=LIMITED, deployment_id=f"d{minute}-{n}")
                       for n in range(3)]  # fmt: skip
            assert send("deployment", *changes) == []
        mixed = [*records[::3], *records[1::3], *records[2::3]]
        for start in range(0, len(mixed), 10):
            assert send("error", *mixed[start : start + 10]) == []
        waits.update(item["owner"]["S"] for item in queues.items("waiting"))
        time.advance(minutes=1)
        process_prompts(queues)
    simulator.faults.clear()
    requests = Counter(request.user for request in simulator.requests)
    return Counter({owner: waits[owner] for owner in CALM}), Counter(
        {owner: requests[owner] for owner in CALM}
    )


def process_prompts(queues: Queues) -> None:
    """Run the tick, and process what it sends."""
    prompts: list[dict[str, Any]] = queues.tick()
    for start in range(0, len(prompts), 10):
        assert send("error", *prompts[start : start + 10]) == []


def test_nobodys_trouble_reaches_others(
    aws: "Aws", simulator: "Simulator", time: "Clock", monkeypatch: pytest.MonkeyPatch
) -> None:
    """The seven see no more waits and no more requests than without the three; these wait alone."""
    monkeypatch.setattr("actionsync.stores.pauses.SLOW_SECONDS", 600.0)  # the machine may be slow
    queues = Queues(monkeypatch)
    alone = fare(simulator, queues, time, is_troubled=False)
    for table in ("ConnectionsTable", "EventsTable", "WaitingTable"):
        for item in aws.items(table):
            key: Any = {name: item[name] for name in ("pk", "sk")}
            aws.dynamodb.delete_item(TableName=table, Key=key)
    for secret in aws.secrets():
        aws.secrets_manager.delete_secret(SecretId=secret, ForceDeleteWithoutRecovery=True)
    _forget()
    simulator.reset()
    together = fare(simulator, queues, time, is_troubled=True)
    assert together == alone
    assert sum(alone[0].values()) == 0
    assert min(alone[1].values()) >= MINUTES
    waiting = Counter(item["owner"]["S"] for item in queues.items("waiting"))
    assert waiting == {LIMITED: 3 * MINUTES, REFUSED: 3 * MINUTES}
    made = [row for row in simulator.records("incident")
            if row["correlation_display"] == "ActionSync"]  # fmt: skip
    assert len(made) == MINUTES * (7 + 15)
    # A wrong password is tried once a pause, beside what was under way when it was first refused.
    refused = [request for request in simulator.requests if request.status == 401]
    assert len(refused) <= MINUTES + 3
