"""What a version reads and stores, recorded before its tag: later versions are held to it.

`tests/releases/<version>/` has `events.json`, senders' messages with what was read in them;
`rules.json`, documents with the rules that they are; and `stack.json`, the items, secrets and
tickets of a stack in the midst of its work. `make record` writes the folder.
"""

import base64
import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from actionsync import clock
from actionsync.events import sources
from actionsync.events.deliveries import Delivery
from actionsync.events.models import UnreadableEventError
from actionsync.events.sources import envelopes, github
from actionsync.events.sources.protocol import Context
from actionsync.rules.models import Rules
from actionsync.rules.sections import RECIPES
from actionsync.tickets.models import STORED
from tests.documents import blocks
from tests.template import ROOT, template

if TYPE_CHECKING:
    from collections.abc import Iterator

    from local.servicenow import Simulator
    from tests.conftest import Aws

FOLDER = ROOT / "tests/releases"
OWNER = "11111111-2222-4333-8444-555555555555"
_RECEIVED = datetime(2027, 1, 15, 8, tzinfo=UTC)
_ON = Rules.model_validate({"sources": {source: {} for source in RECIPES}})
_TABLES = [
    name
    for name, resource in template()["Resources"].items()
    if resource["Type"] == "AWS::DynamoDB::Table"
]
# Stands for the simulator's host, which has another port in each run.
_HOST = "instance.invalid"


def save(version: str, recorded: dict[str, Any]) -> None:
    """Store what was recorded of a version."""
    (FOLDER / version).mkdir(parents=True, exist_ok=True)
    for name, content in recorded.items():
        (FOLDER / version / f"{name}.json").write_text(json.dumps(content, sort_keys=True) + "\n")


def saved() -> list[dict[str, Any]]:
    """Return what was recorded of each version."""
    return [
        {file.stem: json.loads(file.read_text()) for file in folder.glob("*.json")}
        for folder in sorted(FOLDER.glob("*"))
    ]


# ---- events


def events() -> list[dict[str, Any]]:
    """Return the messages of events/ in which this version reads something, and what it reads."""
    found = [{"body": body, "read": _read(body)} for body in _bodies()]
    return [each for each in found if each["read"]]


def changed_events(recorded: list[dict[str, Any]]) -> list[str]:
    """Return the messages in which other things are read than were."""
    return [
        f"{each['body'][:200]}: {each['read']}, now {now}"
        for each in recorded
        if (now := _read(each["body"])) != each["read"]
    ]


def _bodies() -> "Iterator[str]":
    for file in sorted(ROOT.glob("events/on_*/*.json")):
        yield from (record["body"] for record in json.loads(file.read_text())["Records"])
    for file in sorted(ROOT.glob("events/receive_webhook/*.json")):
        payload = json.loads(file.read_text())
        delivery = Delivery(payload["headers"], payload.get("body", "").encode())
        try:
            translations = github.translate(delivery, Rules())
        except UnreadableEventError:
            continue
        for translation in translations:
            yield json.dumps(
                {
                    "version": "0",
                    "id": file.stem,
                    "detail-type": translation.type,
                    "source": github.BUS_SOURCE,
                    "account": "111122223333",
                    "region": "eu-west-1",
                    "time": "2026-01-10T10:00:00Z",
                    "resources": [],
                    "detail": {**translation.detail, "user_id": OWNER},
                }
            )


def _read(body: str) -> list[list[Any]]:
    """Return what decides about tickets in the events of a message."""
    context = Context(_RECEIVED, OWNER, lambda _: _ON)
    try:
        reading = sources.read(envelopes.read(body, _RECEIVED), context)
    except UnreadableEventError:
        return []
    return [
        [event.source, event.kind, event.own_key, event.action, clock.iso(event.moment),
         event.is_heartbeat, event.is_final, event.outcome]
        for event in reading.events
    ]  # fmt: skip


# ---- rules


def rules() -> list[dict[str, Any]]:
    """Return the documents of rules that the documentation has, and the rules that they are."""
    document, _, *cases = (json.loads(block) for block in blocks("docs/rules.md", "json"))
    saved = json.loads((ROOT / "events/update_rules/valid.json").read_text())["body"]
    sections = [json.loads(block) for block in blocks("docs/connect-aws.md", "json")[:1]]
    documents = [{}, document, json.loads(saved), *sections, *({"rules": [case]} for case in cases)]
    return [{"document": each, "rules": _rules(each)} for each in documents]


def changed_rules(recorded: list[dict[str, Any]]) -> list[str]:
    """Return in what documents mean other rules than they did; what is new in a model is not."""
    return [
        f"{json.dumps(each['document'])[:200]}: {difference}"
        for each in recorded
        for difference in _differences(each["rules"], _rules(each["document"]))
    ]


def _rules(document: dict[str, Any]) -> dict[str, Any]:
    return Rules.model_validate(document, context=STORED).model_dump(mode="json")


def _differences(before: Any, now: Any, path: str = "") -> "Iterator[str]":
    if isinstance(before, dict) and isinstance(now, dict):
        for name, value in before.items():
            yield from _differences(value, now.get(name), f"{path}.{name}")
    elif isinstance(before, list) and isinstance(now, list) and len(before) == len(now):
        for place, (old, new) in enumerate(zip(before, now, strict=True)):
            yield from _differences(old, new, f"{path}[{place}]")
    elif before != now:
        yield f"{path} is {now!r}, was {before!r}"


# ---- a stack


def stack(aws: "Aws", simulator: "Simulator", memo: dict[str, Any]) -> dict[str, Any]:
    """Return all that a stack and its instance have, and what is known of it.

    Args:
        aws: where its items and secrets are.
        simulator: its instance.
        memo: what only who filled it knows.
    """
    current = [
        aws.secrets_manager.get_secret_value(SecretId=secret["Name"])
        for secret in aws.secrets_manager.list_secrets()["SecretList"]
    ]
    found = {
        "at": clock.iso(clock.now()),
        "memo": memo,
        "tables": {name: aws.items(name) for name in _TABLES},
        "secrets": [[each["Name"], each["VersionId"], each["SecretString"]] for each in current],
        "records": {
            table: [row for row in simulator.records(table) if row["correlation_display"]]
            for table in ("incident", "change_request")
        },
    }
    text = json.dumps(found, default=lambda value: {"base64": base64.b64encode(value).decode()})
    recorded: dict[str, Any] = json.loads(text.replace(_host_of(simulator), _HOST))
    return recorded


def restore(recorded: dict[str, Any], aws: "Aws", simulator: "Simulator") -> None:
    """Have a stack and its instance as they were recorded, and nothing else."""
    text = json.dumps(recorded).replace(_HOST, _host_of(simulator))
    found = json.loads(text, object_hook=_binary)
    simulator.reset()
    for name in _TABLES:
        for item in aws.items(name):
            key: dict[str, Any] = {part: item[part] for part in ("pk", "sk") if part in item}
            aws.dynamodb.delete_item(TableName=name, Key=key)
        for item in found["tables"].get(name, []):
            aws.dynamodb.put_item(TableName=name, Item=item)
    for secret in aws.secrets_manager.list_secrets()["SecretList"]:
        aws.secrets_manager.delete_secret(SecretId=secret["ARN"], ForceDeleteWithoutRecovery=True)
    for name, version, value in found["secrets"]:
        aws.secrets_manager.create_secret(Name=name, ClientRequestToken=version, SecretString=value)
    for table, rows in found["records"].items():
        for row in rows:
            simulator.instance.put(table, **row)


def _host_of(simulator: "Simulator") -> str:
    return simulator.url.removeprefix("https://")


def _binary(value: dict[str, Any]) -> Any:
    return base64.b64decode(value["base64"]) if value.keys() == {"base64"} else value
