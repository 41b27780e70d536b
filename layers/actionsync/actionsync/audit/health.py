"""The health of a user's events: what works, what waits, what has failed, and how much there was.

All of it is read from what is stored anyway: the connection, its pauses, and the newest part of
the user's audit trail. Nothing is asked of ServiceNow, and nothing is counted beside the trail.
"""

from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import TYPE_CHECKING, Any, Literal

from actionsync import clock
from actionsync.stores.pauses import Target

if TYPE_CHECKING:
    from collections.abc import Iterable

    from actionsync.audit.trail import ActivityStore
    from actionsync.stores.connections import Connection
    from actionsync.stores.pauses import PauseStore
    from actionsync.stores.waiting import WaitingStore

# `paused`: nothing is sent to it for a while; `refused`: it refused the stored credentials.
ConnectionState = Literal["none", "untried", "working", "paused", "refused"]
# An event waits for as long (`actionsync.stores.waiting`).
DAYS = 14
# Some 3 MB of the trail, and a second: whoever writes more sees the newest days only.
MOST_RECORDS = 4000
MOST_FAILED = 1000


def health(
    connection: "Connection | None",
    user_id: str,
    pauses: "PauseStore",
    waiting: "WaitingStore",
    activity: "ActivityStore",
) -> dict[str, Any]:
    """Return the health of a user's events.

    Returns:
        `connection` (`state` is `none`, `untried`, `working`, `paused` or `refused`; and its
        `instance_url`), `last_success` (when ServiceNow last took a write), `last_failure`
        (`{at, kind, cause, reason_type, reason}`), `pause` (`{until, reason}`),
        `failed_events` (events that have failed, at most MOST_FAILED), `days` (`{date, tickets,
        updates, failures}`, the oldest first) and `counted_since`, before which nothing was
        counted.
    """
    now = clock.now()
    since = (now - timedelta(days=DAYS - 1)).strftime("%Y-%m-%d")
    counts: dict[str, Counter[str]] = {}
    last_success: str | None = None
    last_there: str | None = None  # of the connection's own instance
    last_failure: dict[str, Any] | None = None
    records = list(islice(_of_days(activity.newest(user_id), since), MOST_RECORDS))
    for record in records:
        day = counts.setdefault(record["at"][:10], Counter())
        if record["kind"] == "settings":
            continue  # what a person was refused to change says nothing of the connection
        if record["outcome"] in {"failed", "unknown"}:
            day["failures"] += 1
            last_failure = last_failure or _failure(record)
        elif record["outcome"] == "done" and record["sys_id"] and record["kind"] != "servicenow":
            day["tickets" if record["action"] == "created" else "updates"] += 1
            last_success = last_success or record["at"]
            if last_there is None and _is_of(record, connection):
                last_there = record["at"]
    # The oldest day of a trail that was cut is not whole.
    is_cut = len(records) == MOST_RECORDS
    first = records[-1]["at"] if is_cut else f"{since}T00:00:00Z"
    pause = _pause(connection, pauses)
    return {
        "connection": {
            "state": _state(connection, pause, last_there),
            "instance_url": None if connection is None else connection.instance_url,
        },
        "last_success": last_success,
        "last_failure": last_failure,
        "pause": None if pause is None else {name: pause[name] for name in _PAUSE},
        "failed_events": waiting.count(user_id, "failed", MOST_FAILED),
        "counted_since": first,
        "days": [
            {"date": date, **{name: counts.get(date, Counter())[name] for name in _COUNTS}}
            for date in _dates(now)
        ],
    }


_PAUSE = ("until", "reason")
_TABLES = ("incident", "change_request")
_COUNTS = ("tickets", "updates", "failures")
# The trail's moments have milliseconds, a connection's have none.
_SECONDS = len("2024-01-10T10:00:00")


def _of_days(records: "Iterable[dict[str, Any]]", since: str) -> "Iterable[dict[str, Any]]":
    for record in records:
        if record["at"] < since:
            return
        yield record


def _dates(now: datetime) -> list[str]:
    days = reversed(range(DAYS))
    return [(now - timedelta(days=back)).strftime("%Y-%m-%d") for back in days]


def _is_of(record: dict[str, Any], connection: "Connection | None") -> bool:
    """Return whether a record is of a connection's instance, as far as it says."""
    url: str = record["url"]
    return connection is not None and (not url or url.startswith(f"{connection.instance_url}/"))


def _failure(record: dict[str, Any]) -> dict[str, Any]:
    names = ("at", "kind", "cause", "reason_type", "reason")
    return {name: record.get(name, "") for name in names}


def _pause(connection: "Connection | None", pauses: "PauseStore") -> dict[str, Any] | None:
    """Return the pause that ends last of those that the user's calls have to wait for."""
    if connection is None:
        return None
    now = clock.now_epoch()
    found = [pauses.look(Target.of(connection, table)) for table in _TABLES]
    pause = max((pause for pause in found if pause), key=lambda pause: pause.until, default=None)
    if pause is None or pause.until <= now:
        return None
    until = clock.iso(datetime.fromtimestamp(pause.until, UTC))
    is_refused = pause.reason in {"Authentication", "TokenRefused"}
    return {"until": until, "reason": pause.reason, "is_refused": is_refused}


def _state(
    connection: "Connection | None", pause: dict[str, Any] | None, last_success: str | None
) -> ConnectionState:
    if connection is None:
        return "none"
    if pause is not None:
        return "refused" if pause["is_refused"] else "paused"
    # What an earlier connection took says nothing of this one.
    is_tried = (
        last_success is not None and last_success[:_SECONDS] >= connection.updated_at[:_SECONDS]
    )
    return "working" if is_tried else "untried"
