"""How a user's events fare: what works, what waits, what was put aside, and how much there was.

All of it is read from what is stored anyway: the connection, its cooldowns, and the newest part of
the user's audit trail. Nothing is asked of ServiceNow, and nothing is counted beside the trail.
"""

from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from actionsync import clock

if TYPE_CHECKING:
    from collections.abc import Iterable

    from actionsync.audit.trail import ActivityStore
    from actionsync.stores.connections import Connection
    from actionsync.stores.cooldowns import CooldownStore

# The dead-letter queues keep a message for as long (template.yaml: MessageRetentionPeriod).
DAYS = 14
# Some 3 MB of the trail, and a second: whoever writes more sees the newest days only.
MOST_RECORDS = 4000


def health(
    connection: "Connection | None",
    user_id: str,
    cooldowns: "CooldownStore",
    activity: "ActivityStore",
) -> dict[str, Any]:
    """Return how a user's events fare.

    Returns:
        `connection` (`state` is `none`, `untried`, `working`, `paused` or `refused`; and its
        `instance_url`), `last_success` (when ServiceNow last took a write), `last_failure`
        (`{at, kind, cause, reason_type, reason}`), `cooldown` (`{until, reason}`),
        `dead_letters` (events put aside and not put back since), `days` (`{date, tickets, updates,
        failures}`, the oldest first) and `counted_since`, before which nothing was counted.
    """
    now = clock.now()
    since = (now - timedelta(days=DAYS - 1)).strftime("%Y-%m-%d")
    counts: dict[str, Counter[str]] = {}
    last_success: str | None = None
    last_failure: dict[str, Any] | None = None
    dead_letters = 0
    records = list(islice(_of_days(activity.newest(user_id), since), MOST_RECORDS))
    for record in records:
        day = counts.setdefault(record["at"][:10], Counter())
        if record["outcome"] in {"failed", "unknown"}:
            day["failures"] += 1
            dead_letters += record["action"] == "failed"
            last_failure = last_failure or _failure(record)
        elif record["outcome"] == "done" and record["sys_id"]:
            day["tickets" if record["action"] == "created" else "updates"] += 1
            last_success = last_success or record["at"]
    # The oldest day of a trail that was cut is not whole.
    is_cut = len(records) == MOST_RECORDS
    first = records[-1]["at"] if is_cut else f"{since}T00:00:00Z"
    cooldown = _cooldown(connection, user_id, cooldowns)
    return {
        "connection": {
            "state": _state(connection, cooldown, last_success),
            "instance_url": None if connection is None else connection.instance_url,
        },
        "last_success": last_success,
        "last_failure": last_failure,
        "cooldown": None if cooldown is None else {name: cooldown[name] for name in _PAUSE},
        "dead_letters": dead_letters,
        "counted_since": first,
        "days": [
            {"date": date, **{name: counts.get(date, Counter())[name] for name in _COUNTS}}
            for date in _dates(now)
        ],
    }


_PAUSE = ("until", "reason")
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


def _failure(record: dict[str, Any]) -> dict[str, Any]:
    names = ("at", "kind", "cause", "reason_type", "reason")
    return {name: record.get(name, "") for name in names}


def _cooldown(
    connection: "Connection | None", user_id: str, cooldowns: "CooldownStore"
) -> dict[str, Any] | None:
    """Return the user's own pause, or else the one of the whole instance."""
    if connection is None:
        return None
    for what, is_own in (
        (f"USER#{user_id}", True),
        (urlsplit(connection.instance_url).netloc, False),
    ):
        if cooldowns.seconds_left(what):
            pause = cooldowns.get(what)
            until = clock.iso(datetime.fromtimestamp(pause.until, UTC))
            return {"until": until, "reason": pause.reason, "is_own": is_own}
    return None


def _state(
    connection: "Connection | None", cooldown: dict[str, Any] | None, last_success: str | None
) -> str:
    if connection is None:
        return "none"
    if cooldown is not None:
        return "refused" if cooldown["is_own"] else "paused"
    # What an earlier connection took says nothing of this one.
    is_tried = (
        last_success is not None and last_success[:_SECONDS] >= connection.updated_at[:_SECONDS]
    )
    return "working" if is_tried else "untried"
