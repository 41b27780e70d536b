"""Deliveries of webhooks: what they are, and what an owner sees of the newest ones."""

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from actionsync.stores.recent import RecentEvents
    from actionsync.stores.webhooks import Webhook


@dataclass(frozen=True, slots=True)
class Delivery:
    """A request to a webhook.

    Attributes:
        headers: its headers, by their names in lower case.
        body: its body, byte for byte.
    """

    headers: "Mapping[str, str]"
    body: bytes


def deliveries_of(webhook: "Webhook", recent: "RecentEvents") -> dict[str, Any]:
    """Return `{deliveries: [...]}` of a webhook, the newest first, each with its events."""
    deliveries: dict[str, dict[str, Any]] = {}
    entries = recent.read_webhook(webhook.id)
    for entry in entries:
        delivery = deliveries.setdefault(
            entry["delivery"], {"id": entry["delivery"], "at": entry["at"], "events": []}
        )
        event = parsed(entry.get("event") or "")
        is_event = isinstance(event, dict) and ("element" in event or "detail-type" in event)
        delivery["events"].append(
            {
                **{name: entry[name] for name in ("at", "name", "outcome", "detail")},
                "ticket": entry["ticket"] or _ticket_of_another(entry, entries),
                "can_be_sent_again": is_event,
                "event": event if event is not None else entry.get("event"),
            }
        )
    return {"deliveries": list(deliveries.values())}


def _ticket_of_another(entry: dict[str, Any], entries: list[dict[str, Any]]) -> Any:
    """Return the ticket of an event of the same key, where an entry's was left to another worker.

    That worker has made the ticket later than the entry; else it was there before.

    Args:
        entry: the entry.
        entries: all of them, the newest first.
    """
    if entry["outcome"] != "deduplicated" or not entry.get("key"):
        return None
    same = [one for one in entries if one.get("key") == entry["key"] and one["ticket"]]
    later = [one for one in same if one["at"] >= entry["at"]]
    found = later[-1] if later else next(iter(same), None)
    return found and found["ticket"]


def parsed(text: str) -> Any:
    """Return what a JSON text says, or None where it is none."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None
