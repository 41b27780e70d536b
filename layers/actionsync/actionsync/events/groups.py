"""One ticket for many: which group an event belongs to, and how a group's ticket reads.

A group has a correlation and a ticket like any dedup key. Its moments are versions: each batch
that opens or ends members raises its version, and a trigger's moment is the version that it made.
It ends at a version at which no member was open, by a read of all of them that began at that
version: so no order of batches and no two workers make it end while one goes on.
"""

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from actionsync import clock
from actionsync.events.drafts import is_row
from actionsync.events.folding import rank
from actionsync.events.models import IncomingEvent, digest
from actionsync.events.windows import Touched
from actionsync.rules.matching import SEVERITIES
from actionsync.rules.models import IncidentRule
from actionsync.stores.correlations import GroupNews
from actionsync.stores.members import LONGEST_LINE, Member

if TYPE_CHECKING:
    from actionsync.rules.holds import Hold
    from actionsync.rules.models import AnyRule
    from actionsync.stores.correlations import Correlation

# How long an end has to last before a group is looked at, where its rule does not say.
SETTLE_MINUTES = 5
LISTED = 20
FILE_NAME = "members.csv"
_SECOND = 1_000_000


def key_of(event: IncomingEvent, rule: "AnyRule | None", name: str) -> str:
    """Return the key of the group that an event belongs to, or nothing where it is no member."""
    if not isinstance(rule, IncidentRule) or rule.group_by is None or is_row(rule.ticket):
        return ""
    values = [_value(event, rule, part) for part in rule.group_by]
    return digest(event.owner, "group", name, *values) if all(values) else ""


def more_key(owner: str, rule_name: str) -> str:
    """Return the key of the group of what a rule's cap leaves no ticket of its own."""
    return digest(owner, "more", rule_name)


def _value(event: IncomingEvent, rule: IncidentRule, part: str) -> str:
    if part == "day":
        zone = "UTC" if rule.hold is None else rule.hold.time_zone
        return f"{event.received_at.astimezone(ZoneInfo(zone)):%Y-%m-%d}"
    if part.startswith("labels."):
        return event.labels.get(part.removeprefix("labels."), "")
    return event.texts.get("title", "") if part == "title" else str(getattr(event, part))


def member_of(event: IncomingEvent, known: "Correlation", rule: "AnyRule | None") -> Member:
    """Return what a group is to know of a member."""
    touched = Touched.by(event, rule)
    texts = known.texts or event.texts
    line = " ".join((texts.get("title") or event.name or event.key).split())
    return Member(
        known.key,
        line[:LONGEST_LINE],
        known.triggered_at,
        known.ended_at,
        known.received_at,
        known.seen_at,
        clock.now_epoch(),
        known.severity or rank(event.severity),
        touched.names,
        touched.environment,
    )


def joined(
    key: str,
    member: Member,
    *,
    texts: dict[str, str],
    was_open: bool | None,
    rule: str,
    is_occurrence: bool,
    is_repeated: bool,
) -> GroupNews:
    """Return what a member's batch makes of its group.

    Args:
        key: the group's.
        member: what is known of the member now.
        texts: what its newest trigger says.
        rule: the name of the rule that groups.
        was_open: whether it went on before; None where it is new.
        is_occurrence: whether a trigger among its events counts by itself.
        is_repeated: whether SQS says that one of them was received before: a dead worker may have
            written the member, and not the group.
    """
    is_open = member.is_open()
    return GroupNews(
        key,
        opens=is_open and (not was_open or is_occurrence or is_repeated),
        ends=not is_open and (bool(was_open) or is_repeated),
        is_new=int(was_open is None),
        received_at=member.received_at if is_open else 0,
        severity=member.severity if is_open else 0,
        texts=texts if is_open else None,
        rule=rule,
    )


@dataclass(frozen=True, slots=True)
class Look:
    """What a look at a group's members finds.

    Attributes:
        members: all that are listed and belong to its present ticket.
        open: those that go on, the oldest first.
        next_at: the epoch second at which one of them has been silent for too long; 0 for none.
    """

    members: Sequence[Member]
    open: Sequence[Member]
    next_at: int

    def holds_until(self, hold: "Hold | None", now: int) -> int | None:
        """Return until when an opening goes on waiting: 0 for no longer, None for ever.

        By minutes one must have gone on for them; by count so many must go on that began within
        the window.
        """
        if not self.open:
            return None
        if hold is None or hold.until:
            return 0
        if hold.count:
            window = (now - hold.window_seconds) * _SECOND
            return 0 if sum(one.received_at >= window for one in self.open) >= hold.count else None
        oldest = datetime.fromtimestamp(self.open[0].received_at // _SECOND, UTC)
        until = hold.ends_at(oldest)
        return until if until > now else 0


def look(members: "list[Member]", since: int, silent_seconds: int, now: int) -> Look:
    """Return what a look at these members finds; see `Member.is_open`."""
    own = [one for one in members if one.received_at > since or one.triggered_at == 0]
    on = sorted(
        (one for one in own if one.is_open(since, silent_seconds, now)),
        key=lambda one: (one.received_at, one.key),
    )
    next_at = min((one.seen_at + silent_seconds for one in on), default=0) if silent_seconds else 0
    return Look(own, on, next_at)


# ---- how a group's ticket reads


def described(description: str, found: Look, counted: int) -> str:
    """Return a description with the first members of a group."""
    lines = [f"- {one.line}" for one in found.open[:LISTED]]
    if len(found.open) > LISTED:
        lines.append(f"- … {len(found.open) - LISTED} more in {FILE_NAME}")
    if counted > len(found.members):
        lines.append(f"- {counted} in all; what is beyond those listed is counted only")
    listed = "\n".join(lines)
    return f"{description.rstrip()}\n\nOne ticket for {len(found.open)}:\n{listed}\n"


def news(found: Look, since: int) -> str:
    """Return the note that says what has changed since an epoch second."""
    changed = [one for one in found.members if one.changed_at >= since]
    ids = {one.key for one in found.open}
    began = [one.line for one in changed if one.key in ids]
    ended = [one.line for one in changed if one.key not in ids]
    text = f"{len(found.open)} of {len(found.members)} go on; {FILE_NAME} has the list."
    for title, lines in (("Began", began), ("Ended", ended)):
        if lines:
            more = f"\n- … {len(lines) - LISTED} more" if len(lines) > LISTED else ""
            text += f"\n\n{title}:\n" + "\n".join(f"- {line}" for line in lines[:LISTED]) + more
    return text


def listing(found: Look) -> str:
    """Return all members as a CSV file."""
    on = {one.key for one in found.open}
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(["state", "severity", "what", "received"])
    for one in sorted(found.members, key=lambda one: (one.key not in on, one.received_at)):
        severity = SEVERITIES[len(SEVERITIES) - one.severity] if one.severity else ""
        received = datetime.fromtimestamp(one.received_at // _SECOND, UTC)
        shown = clock.iso(received) if one.received_at else ""
        # A cell that begins with one of these is a formula to a spreadsheet.
        line = f"'{one.line}" if one.line[:1] in "=+-@" else one.line
        rows.writerow(["open" if one.key in on else "ended", severity, line, shown])
    return text.getvalue()


def of_group(event: IncomingEvent, key: str) -> IncomingEvent:
    """Return a member's event as its group's."""
    return replace(event, group_key=key, attachments={})
