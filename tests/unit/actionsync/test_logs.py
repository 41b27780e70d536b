"""Lines of log groups: what a delivery becomes in the queue."""

import base64
import gzip
import json
from typing import Any

import pytest

from actionsync.events import logs
from actionsync.events.models import UnreadableEventError
from tests.conftest import event

OWN = {"FunctionLogs"}


def delivery(*lines: Any, **values: Any) -> dict[str, Any]:
    """Return what CloudWatch Logs invokes a function with."""
    data = {
        "messageType": "DATA_MESSAGE", "owner": "111122223333", "logGroup": "/aws/ecs/web",
        "logStream": "web/1", "subscriptionFilters": ["errors"],
        "logEvents": [{"id": str(place), "timestamp": 1772441000123 + place, "message": line}
                      if isinstance(line, str) else line for place, line in enumerate(lines)],
    } | values  # fmt: skip
    packed = gzip.compress(json.dumps(data).encode())
    return {"awslogs": {"data": base64.b64encode(packed).decode()}}


def queued(payload: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the messages that a delivery becomes."""
    return [json.loads(text) for text in logs.messages(payload, "eu-west-1", OWN)]


def lines_of(message: dict[str, Any]) -> list[str]:
    """Return the lines in a message."""
    return [line["message"] for line in message["detail"]["logEvents"]]


def test_lines_of_one_kind_are_neighbours() -> None:
    """The example's second and third line are another kind and the first's; nothing is lost."""
    (message,) = queued(event("receive_logs"))
    assert (message["account"], message["region"]) == ("111122223333", "eu-west-1")
    found = [line.partition("\n")[0] for line in lines_of(message)]
    failed = ["ERROR order 4711 failed", "ERROR order 4712 failed"]
    assert found in ([*failed, "ERROR no database"], ["ERROR no database", *failed])
    assert queued(event("receive_logs"))[0]["id"] == message["id"]


@pytest.mark.parametrize(
    "payload",
    [event("receive_logs", "control_message"), delivery("ERROR", logGroup="FunctionLogs"),
     delivery(), delivery(None, 7, {"id": "1"}, {"message": None}), delivery(logEvents="x")],
)  # fmt: skip
def test_what_makes_no_ticket_is_not_queued(payload: dict[str, Any]) -> None:
    """A check of the destination, the stack's own log groups, and what holds no line."""
    assert queued(payload) == []


@pytest.mark.parametrize(
    "payload",
    [event("receive_logs", "invalid_data"), {}, {"awslogs": None}, {"awslogs": {"data": None}},
     {"awslogs": {"data": "x"}},
     {"awslogs": {"data": base64.b64encode(gzip.compress(b"[]")).decode()}},
     {"awslogs": {"data": base64.b64encode(gzip.compress(b'{"a": 1}')[:-12]).decode()}}],
)  # fmt: skip
def test_what_is_no_delivery_is_refused(payload: dict[str, Any]) -> None:
    """Lambda then tries it again, and sends it to the dead letters."""
    with pytest.raises(UnreadableEventError):
        queued(payload)


def test_a_bomb_is_not_unpacked(monkeypatch: pytest.MonkeyPatch) -> None:
    """What unpacks to more than CloudWatch Logs ever delivers is refused before it is."""
    monkeypatch.setattr(logs, "MOST_UNPACKED_BYTES", 100_000)
    with pytest.raises(UnreadableEventError):
        queued(delivery("x" * 200_000))


def test_a_message_has_room_for_what_it_holds() -> None:
    """Many lines become several messages, and a long one is cut: SQS takes 256 KB."""
    many = queued(delivery(*(f"ERROR {number}" for number in range(1200))))
    assert [len(lines_of(message)) for message in many] == [500, 500, 200]
    assert len({message["id"] for message in many}) == 3
    wide = queued(delivery(*["\U0001f600" * 30_000] * 3))
    assert len(wide) == 3
    assert all(len(json.dumps(message)) < 256 * 1024 for message in wide)
