"""Users, requests of the catalog, and events."""

from typing import TYPE_CHECKING

from .task import close

if TYPE_CHECKING:
    from .write import Write

_CLEAR = "0"


def before_user(write: "Write") -> None:
    """Put a user's name together."""
    parts = (write.new["first_name"], write.new["middle_name"], write.new["last_name"])
    if write.changed("first_name") or write.changed("last_name"):
        write.new["name"] = " ".join(part for part in parts if part)


def before_request(write: "Write") -> None:
    """Approve a request that is submitted: nobody has to be asked here."""
    if write.enters("request_state", "submitted"):
        write.new |= {"request_state": "in_process", "approval": "approved"}
    closed = write.new["request_state"].startswith("closed_")
    write.new["active"] = "false" if closed else "true"


def before_catalog_task(write: "Write") -> None:
    """Complete a catalog task or a requested item."""
    close(write, ("3", "4", "7"))


def after_event(write: "Write") -> None:
    """Process an event: open the alert of its message key, count on it, or close it."""
    event, store = write.new, write.store
    if not write.is_insert or event["state"] != "Ready":
        return
    key = event["message_key"] or "_".join(
        event[name] for name in ("source", "node", "type", "resource", "metric_name")
    )
    known = store.first("em_alert", message_key=key)
    over = event["severity"] == _CLEAR or event["resolution_state"] == "Closing"
    copied = {
        name: event[name]
        for name in (
            "source", "node", "type", "resource", "metric_name", "event_class", "description",
            "additional_info", "cmdb_ci",
        )
    }  # fmt: skip
    copied |= {"message_key": key, "last_event_time": event["time_of_event"] or write.now}
    if known is None and over:
        store.change("em_event", event["sys_id"], state="Processed", message_key=key)
        return
    if known is None:
        known = store.put(
            "em_alert", **copied, initial_event_time=copied["last_event_time"],
            severity=event["severity"], state="Open", event_count="1",
        )  # fmt: skip
    else:
        state = "Closed" if over else {"Closed": "Reopen"}.get(known["state"], known["state"])
        severity = known["severity"] if over else event["severity"]
        count = str(int(known["event_count"] or 0) + 1)
        store.change(
            "em_alert", known["sys_id"],
            **copied, state=state, severity=severity, event_count=count,
        )  # fmt: skip
    store.change(
        "em_event", event["sys_id"], state="Processed", alert=known["sys_id"], message_key=key
    )
