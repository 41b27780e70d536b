"""What opens gates in this process."""

from typing import TYPE_CHECKING

from actionsync import aws
from actionsync.connections.service import check_connected
from actionsync.events.gates import requests
from actionsync.events.queueing import queue
from actionsync.settings import event_queue_url
from actionsync.wiring import stores

if TYPE_CHECKING:
    from actionsync.events.gates.requests import NewGate
    from actionsync.stores.gates import Gate


def open_gate(owner: str, new: "NewGate") -> "Gate":
    """Return the gate of an owner's deployment, made or found.

    Raises:
        ConnectionNotFoundError: the owner has no connection.
    """
    check_connected(stores.connection_store(), owner)
    return requests.open_gate(owner, new, stores.gate_store(), stores.timer_store(), _send)


def _send(owner: str, message: str) -> None:
    queue(aws.sqs(), event_queue_url(), owner, [message], timer="gates")
