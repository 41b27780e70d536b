"""Events on the local cloud: how fast one worker works a queue off, and what an event costs.

A worker is a process with the built function, as Lambda runs it, that gets one batch of ten after
the other; DynamoDB and SQS are the local cloud's, and ServiceNow is the simulator. Then the same
events go the whole way, from the bus to the ticket, through the deployed stack.
"""

import json
import os
import subprocess
import sys
import time
from typing import Any

from local.cloud import ROOT, LocalCloud, token_claims
from local.servicenow import seed

BUILT = ROOT / ".aws-sam/build"
LAYERS = ("DependenciesLayer", "ServiceNowToolsLayer", "ActionSyncLayer")

# Name, events, causes. Ten events go before, to warm the worker up: they are of other causes in the
# first load, and open the ten tickets of the second one, so that each of its events is folded.
LOADS = (("each opens a ticket", 300, 310), ("each is folded", 3000, 10))
# Of one there is nothing to fold within a batch; ten is the template's, a hundred a storm's.
BATCHES = (1, 10, 100)
FROM_BUS = 10

INTRODUCTION = """\
## Events

One worker (a process with the built `on_error`, one batch after another) against the local cloud's
DynamoDB and the ServiceNow simulator, all on the same cores; and the same events put on the stack's
bus (batches of ten at most), until the last is counted. A batch of one is what folding is compared
with. Calls are counted exactly: one or two for each key and batch, and one for the recent events of
a batch. A worker's memory is the most that its process held.
"""

# Runs in the worker: reads batches, one a line, and tells what they cost.
WORKER = """
import collections, importlib, json, pathlib, sys, time
calls = collections.Counter()
handler = importlib.import_module("app").lambda_handler
from actionsync import aws
aws.dynamodb().meta.events.register(
    "before-call.dynamodb", lambda model, **_: calls.update([model.name]))
class Context:
    function_name = "worker"
    memory_limit_in_mb = 512
    invoked_function_arn = "arn:aws:lambda:us-east-1:000000000000:function:worker"
    aws_request_id = "00000000-0000-4000-8000-000000000000"
    def get_remaining_time_in_millis(self):
        return 60_000
batches = [json.loads(line) for line in sys.stdin]
handler({"Records": batches.pop(0)}, Context())
calls.clear()
started, cpu = time.perf_counter(), time.process_time()
for batch in batches:
    failed = handler({"Records": batch}, Context())["batchItemFailures"]
    assert not failed, failed
reads = sum(calls[name] for name in ("GetItem", "BatchGetItem", "Query"))
memory = pathlib.Path("/proc/self/status").read_text()
print(json.dumps({
    "seconds": time.perf_counter() - started,
    "cpu": time.process_time() - cpu,
    "events": sum(map(len, batches)),
    # VmHWM: getrusage's maxrss begins with that of the parent.
    "memory": int(memory.partition("VmHWM:")[2].split()[0]) * 1024 / 1e6,
    "reads": reads,
    "writes": calls.total() - reads,
}), file=sys.__stderr__)
"""


def _record(number: int, event: dict[str, Any]) -> dict[str, Any]:
    """Return an SQS record as Lambda gets it (Lambda developer guide: Using Lambda with SQS)."""
    return {
        "messageId": f"message-{number}",
        "receiptHandle": "handle",
        "body": json.dumps(event),
        "attributes": {
            "ApproximateReceiveCount": "1",
            "SentTimestamp": str(int(time.time() * 1000)),
        },
        "messageAttributes": {},
        "eventSource": "aws:sqs",
        "eventSourceARN": "arn:aws:sqs:us-east-1:000000000000:queue",
        "awsRegion": "us-east-1",
    }


def _detail(user_id: str, load: str, cause: int) -> dict[str, Any]:
    return {
        "user_id": user_id,
        "service": load,
        "severity": "high",
        "message": "Payment failed: timeout",
        "fingerprint": f"cause {cause}",
    }


def _work(cloud: LocalCloud, details: list[dict[str, Any]], size: int) -> dict[str, float]:
    """Give events to one worker in batches of a size, and return what it reports."""
    function = cloud.client("lambda").get_function_configuration(
        FunctionName=cloud.resource("OnErrorFunction")
    )
    variables = function["Environment"]["Variables"]
    folder = BUILT / "OnErrorFunction"
    path = [str(folder), *(str(BUILT / layer / "python") for layer in LAYERS)]
    environment = {
        "PATH": os.environ["PATH"],
        **variables,
        "AWS_ENDPOINT_URL": cloud.endpoint,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_LAMBDA_FUNCTION_NAME": "worker",
        "PYTHONPATH": os.pathsep.join(path),
    }
    records = [
        _record(
            number,
            {
                "version": "0",
                "id": f"{detail['service']}-{number}",
                "detail-type": "Application Error",
                "source": "benchmark",
                "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
                "detail": detail,
            },
        )
        for number, detail in enumerate(details)
    ]
    batches = [records[:10]]
    batches += [records[start : start + size] for start in range(10, len(records), size)]
    done = subprocess.run(  # noqa: S603 - our own function
        [sys.executable, "-c", WORKER],
        input="\n".join(map(json.dumps, batches)),
        env=environment,
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"The worker failed.\n{done.stderr}")
    measured: dict[str, float] = json.loads(done.stderr.splitlines()[-1])
    return measured


def _put(cloud: LocalCloud, details: list[dict[str, Any]]) -> float:
    """Put events on the bus, and return the seconds until all are counted."""
    events, dynamodb = cloud.client("events"), cloud.client("dynamodb")
    table = cloud.resource("EventsTable")
    before = _counted(dynamodb, table)
    started = time.perf_counter()
    for start in range(0, len(details), 10):
        answer = events.put_events(
            Entries=[
                {
                    "EventBusName": cloud.outputs["EventBusName"],
                    "Source": "benchmark",
                    "DetailType": "Application Error",
                    "Detail": json.dumps(detail),
                }
                for detail in details[start : start + 10]
            ]
        )
        if answer["FailedEntryCount"]:
            raise RuntimeError(f"The bus refused events: {answer}")
    while (counted := _counted(dynamodb, table) - before) < len(details):
        if time.perf_counter() - started > 600:
            raise RuntimeError(f"Of {len(details)} events {counted} were counted in ten minutes")
        time.sleep(0.5)
    return time.perf_counter() - started


def _counted(dynamodb: Any, table: str) -> int:
    pages = dynamodb.get_paginator("scan").paginate(TableName=table)
    return sum(
        int(item["count"]["N"])
        for page in pages
        for item in page["Items"]
        if item["sk"]["S"] == "CORRELATION" and "count" in item
    )


def _new_owner(cloud: LocalCloud, name: str) -> str:
    """Return a user with a connection, whose rule opens the most tickets in an hour that one may.

    Further ones would be counted on one ticket, so each line of the table has an owner.
    """
    token = cloud.sign_in(f"{name}@example.com")
    config = {
        "instance_url": cloud.simulator.url,
        "username": seed.INTEGRATION_USER,
        "password": seed.USERS[seed.INTEGRATION_USER][0],
    }
    with cloud.http(token) as http:
        http.post("/api/servicenow/config", json=config).raise_for_status()
        http.put("/api/servicenow/rules", json={"errors": {"cap": 1000}}).raise_for_status()
    return str(token_claims(token)["sub"])


def report() -> str:
    """Measure, and return the results as Markdown."""
    lines = [
        *INTRODUCTION.splitlines(),
        "",
        (
            "| load: of its events | in a batch | events a second, one worker | CPU an event, ms "
            "| DynamoDB writes / reads an event | ServiceNow calls an event | memory, MB "
            "| from the bus, events a second |"
        ),
        "|---|--:|--:|--:|--:|--:|--:|--:|",
    ]
    with LocalCloud() as cloud:
        for name, events, causes in LOADS:
            for size in BATCHES:
                user_id = _new_owner(cloud, f"{causes}-{size}")
                warm = 10
                service = f"{name}, {size}"
                details = [_detail(user_id, service, n % causes) for n in range(-warm, events)]
                called = len(cloud.simulator.requests) + warm
                measured = _work(cloud, details, size)
                called = len(cloud.simulator.requests) - called
                details = [_detail(user_id, f"{name}, bus", n % causes) for n in range(events)]
                rate = f"{events / _put(cloud, details):.0f}" if size == FROM_BUS else ""
                lines.append(
                    f"| {name} | {size} | {events / measured['seconds']:.0f} "
                    f"| {measured['cpu'] / events * 1000:.1f} "
                    f"| {measured['writes'] / events:.2f} / {measured['reads'] / events:.2f} "
                    f"| {called / events:.2f} | {measured['memory']:.0f} | {rate} |"
                )
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    print(report())
