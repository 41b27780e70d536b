"""What the Change Management API does in the background, and how far it is."""

import secrets
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ..instance import Instance

_LABELS = {1: "Waiting", 2: "In-Progress", 3: "Complete"}
_COMPLETE = 3


def start(
    instance: "Instance",
    kind: str,
    outcome: dict[str, Any],
    messages: dict[str, list[str]] | None = None,
) -> str:
    """Start a worker of a kind, and return its sys_id; it is complete when asked twice."""
    sys_id = secrets.token_hex(16)
    instance.workers[sys_id] = {
        "state": 1, "type": kind, "outcome": outcome, "messages": messages or {},
    }  # fmt: skip
    return sys_id


def advance(instance: "Instance", sys_id: str) -> None:
    """Let a worker get one step further."""
    worker = instance.workers[sys_id]
    worker["state"] = min(worker["state"] + 1, _COMPLETE)


def worker_shown(instance: "Instance", sys_id: str) -> dict[str, Any]:
    """Return how far a worker is."""
    worker = instance.workers[sys_id]
    empty: dict[str, list[str]] = {
        "errorMessages": [], "warningMessages": [], "infoMessages": [],
    }  # fmt: skip
    return {
        "worker": {
            "sysId": sys_id,
            "link": f"{instance.base_url}/api/sn_chg_rest/change/worker/{sys_id}",
        },
        "request": "",
        "state": {"value": worker["state"], "display_value": _LABELS[worker["state"]]},
        "type": worker["type"],
        "messages": empty | worker["messages"],
        **(worker["outcome"] if worker["state"] == _COMPLETE else {}),
    }
