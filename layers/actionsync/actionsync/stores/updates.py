"""Updates of correlations, apart from where correlations are: in DynamoDB, or in memory."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from actionsync.stores.attributes import attribute

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.type_defs import UniversalAttributeValueTypeDef

    from actionsync.stores.correlations import Correlation, GroupNews, News, Note

# Notes that wait to be posted; more than so many in one outage are counted only.
MOST_NOTES = 10
# What is remembered of notes, so that copies of them are not posted again.
MOST_MARKS = 40
_NEWER_END = "(attribute_not_exists(#ended_at) OR #ended_at < :ended_at)"
# Of two outcomes at one moment (EventBridge has whole seconds) the one received later counts.
_OTHER_OUTCOME = (
    "(attribute_not_exists(#ended_at) OR #ended_at < :ended_at OR (#ended_at = :ended_at AND"
    " #outcome <> :outcome AND #end_received_at < :end_received_at))"
)
_FIRING = "(attribute_not_exists(#ended_at) OR #ended_at < #triggered_at)"
_OVER = "(attribute_not_exists(#triggered_at) OR #ended_at >= #triggered_at)"


@dataclass(slots=True)
class Update:
    """An update that is being put together.

    Attributes:
        conditions: under which conditions it is made, in DynamoDB's language.
        values: the values that only the conditions name.
    """

    conditions: list[str] = field(default_factory=list)
    values: dict[str, Any] = field(default_factory=dict)
    _set: dict[str, Any] = field(default_factory=dict)
    _defaults: dict[str, Any] = field(default_factory=dict)
    _versions: list[str] = field(default_factory=list)
    _appended: dict[str, list[str]] = field(default_factory=dict)
    _added: dict[str, int] = field(default_factory=dict)
    _dropped: dict[str, int] = field(default_factory=dict)
    _removed: list[str] = field(default_factory=list)

    def set(self, name: str, value: Any) -> None:
        """Set an attribute; a list is one of texts."""
        self._set[name] = value

    def default(self, name: str, value: Any) -> None:
        """Set an attribute that is not there yet."""
        self._defaults[name] = value

    def set_version(self, *names: str) -> None:
        """Set attributes to the version that comes after a group's newest, which `count` is."""
        self._versions += names

    def append(self, name: str, texts: list[str]) -> None:
        """Append texts to a list."""
        self._appended[name] = texts

    def add(self, name: str, number: int) -> None:
        """Add to a number."""
        self._added[name] = number

    def drop(self, name: str, number: int) -> None:
        """Take the first texts out of a list."""
        self._dropped[name] = number

    def remove(self, *names: str) -> None:
        """Remove attributes."""
        self._removed += names

    @property
    def is_empty(self) -> bool:
        """Whether it changes nothing."""
        return not (
            self._set or self._defaults or self._versions or self._appended or self._added
            or self._dropped or self._removed
        )  # fmt: skip

    @property
    def expression(self) -> str:
        """The update, in DynamoDB's language."""
        clauses = {
            "SET": [
                *(f"#{name} = :{name}" for name in self._set),
                *(f"#{name} = if_not_exists(#{name}, :{name})" for name in self._defaults),
                *(f"#{name} = if_not_exists(#count, :zero) + :one" for name in self._versions),
                *(
                    f"#{name} = list_append(if_not_exists(#{name}, :none), :{name})"
                    for name in self._appended
                ),
            ],
            "ADD": [f"#{name} :{name}" for name in self._added],
            "REMOVE": [
                *(f"#{name}" for name in self._removed),
                *(f"#{name}[{i}]" for name, number in self._dropped.items() for i in range(number)),
            ],
        }
        return " ".join(f"{verb} {', '.join(parts)}" for verb, parts in clauses.items() if parts)

    @property
    def arguments(self) -> "dict[str, UniversalAttributeValueTypeDef]":
        """The values that the update and its conditions name."""
        values = {**self.values, **self._set, **self._defaults, **self._appended, **self._added}
        if self._versions:
            values |= {"zero": 0, "one": 1}
        if self._appended:
            values["none"] = []
        return {f":{name}": _argument(value) for name, value in values.items()}

    def applied(self, item: dict[str, Any]) -> dict[str, Any]:
        """Return what an item becomes, its attributes being as they were set."""
        version = item.get("count", 0) + 1
        new = {**self._defaults, **item, **self._set, **dict.fromkeys(self._versions, version)}
        for name, texts in self._appended.items():
            new[name] = [*item.get(name, []), *texts]
        for name, number in self._added.items():
            new[name] = item.get(name, 0) + number
        for name, number in self._dropped.items():
            new[name] = item.get(name, [])[number:]
        return {name: value for name, value in new.items() if name not in self._removed}


def _argument(value: Any) -> "UniversalAttributeValueTypeDef":
    if isinstance(value, list):
        return {"L": [{"S": text} for text in value]}
    return attribute(value)


def recording(news: "News", known: "Correlation | None") -> Update:
    """Return the update that records news, given what is known: None for nothing that was read.

    Where nothing was read the news is taken for the newest, under the condition that it is. What
    is newer once stays newer, so the update after a refusal has fewer conditions.
    """
    update = Update()
    if news.triggered_at:
        _record_trigger(update, news, known)
    if news.ended_at and (known is None or _ends(news, known)):
        update.set("ended_at", news.ended_at)
        update.set("end_received_at", news.end_received_at)
        update.set("end_texts", news.end_texts)
        update.set("outcome", news.outcome)
        update.conditions.append(_OTHER_OUTCOME if news.outcome else _NEWER_END)
        if news.end_is_heartbeat and not news.triggered_at:
            update.conditions.append(_FIRING)
    _record_finality(update, news, known)
    if news.notes:
        _record_notes(update, news, known)
    if not update.is_empty:
        update.set("owner", news.owner)
    return update


def rising(owner: str, news: "GroupNews", look_at: int, known: "Correlation | None") -> Update:
    """Return the update that raises a group's version; see `recording`."""
    update = Update()
    if news.opens:
        update.set_version("triggered_at")
        update.default("rule", news.rule)
        update.set("texts", news.texts or {})
        for name in ("received_at", "severity"):
            value = getattr(news, name)
            if known is None:
                update.conditions.append(f"(attribute_not_exists(#{name}) OR #{name} <= :{name})")
            if known is None or value > getattr(known, name):
                update.set(name, value)
    update.set_version("count")
    if look_at:
        update.default("look_at", look_at)
    update.set("is_group", value=True)
    update.add("members", news.is_new)
    update.set("owner", owner)
    return update


def _ends(news: "News", known: "Correlation") -> bool:
    is_over = known.ended_at > 0 and not known.is_firing and not news.triggered_at
    is_newer = news.ended_at > known.ended_at or (
        news.ended_at == known.ended_at
        and bool(news.outcome)
        and news.outcome != known.outcome
        and news.end_received_at > known.end_received_at
    )
    return is_newer and not (news.end_is_heartbeat and is_over)


def _record_trigger(  # noqa: C901 - what is newer, higher and counted is one table
    update: Update, news: "News", known: "Correlation | None"
) -> None:
    is_newer = known is None or news.triggered_at > known.triggered_at
    if news.group_key and is_newer:
        update.default("group_key", news.group_key)
        update.default("joined_at", news.triggered_at)
    is_higher = known is not None and 0 < known.severity < news.severity
    begins = news.begins_episode or known is None or not known.is_firing
    if is_newer:
        update.set("triggered_at", news.triggered_at)
        update.set("trigger_id", news.trigger_id)
        update.set("texts", news.texts)
        update.set("silenced_until", news.silenced_until)
        update.set("seen_at", news.seen_at)
        update.conditions.append(
            "(attribute_not_exists(#triggered_at) OR #triggered_at < :triggered_at)"
        )
        if news.is_heartbeat and not news.begins_episode:
            update.conditions.append(_OVER if begins else _FIRING)
    if (is_newer and (begins or not news.is_heartbeat)) or is_higher:
        update.set("received_at", news.received_at)
    if is_higher:
        update.set("severity", news.severity)
        update.conditions.append("#severity < :severity")
    elif known is None:
        update.default("severity", news.severity)
        update.conditions.append("(attribute_not_exists(#severity) OR #severity >= :severity)")
    elif not known.severity:
        update.set("severity", news.severity)
    count = news.occurrences
    doubtful = news.doubtful
    if is_newer and news.is_heartbeat:
        count += begins
    elif is_newer and news.trigger_was_received:
        count, doubtful = count + 1, doubtful - 1  # else it would be known
    elif known is not None and news.trigger_id == known.trigger_id:
        count -= not news.trigger_was_received  # the newest once more, in a message of its own
    if count > 0:
        update.add("count", count)
    if doubtful > 0:
        update.set("is_about", value=True)


def _record_finality(update: Update, news: "News", known: "Correlation | None") -> None:
    taken_back_at = news.taken_back_at
    if known is not None and known.is_final and 0 < known.severity < news.severity:
        taken_back_at = max(taken_back_at, news.triggered_at)
    for name, moment in (("final_at", news.final_at), ("taken_back_at", taken_back_at)):
        if moment and (known is None or moment > getattr(known, name)):
            update.set(name, moment)
            update.conditions.append(f"(attribute_not_exists(#{name}) OR #{name} < :{name})")


def _record_notes(update: Update, news: "News", known: "Correlation | None") -> None:
    notes = [note for note in news.notes if known is None or _is_new(note, known)]
    if not notes:
        return
    if not news.triggered_at and not news.ended_at:
        if known is not None and not known.is_known:
            return  # an annotation opens nothing
        update.conditions.append("attribute_exists(pk)")
    # An annotation is a sign of life, too.
    if not news.triggered_at and (known is None or news.seen_at > known.seen_at):
        update.set("seen_at", news.seen_at)
        update.conditions.append("(attribute_not_exists(#seen_at) OR #seen_at <= :seen_at)")
    annotations = [note for note in notes if not note.is_news]
    if annotations:
        update.set("annotated_at", max(note.moment for note in annotations))
        update.set("annotation_id", annotations[-1].id)
    if annotations and known is None:
        update.values["oldest"] = annotations[0].moment
        update.conditions.append("(attribute_not_exists(#annotated_at) OR #annotated_at < :oldest)")
    if len(annotations) < len(notes) and known is None:
        update.conditions += [
            _OVER,
            "(attribute_not_exists(#ended_at) OR #ended_at < :triggered_at)",
        ]
    _record_marks(update, notes, known)
    texts = [note.text for note in notes if not _is_said(note, news, known)]
    if not texts:
        return
    update.append("notes", texts[-MOST_NOTES:])
    if known is None:
        update.values["most"] = MOST_NOTES
        update.conditions.append("(attribute_not_exists(#notes) OR size(#notes) < :most)")


def _record_marks(update: Update, notes: "list[Note]", known: "Correlation | None") -> None:
    """Record what notes are recognised by; once there is no room, what is old is forgotten."""
    marks = list(dict.fromkeys(mark for note in notes for mark in note.marks))[-MOST_MARKS // 2 :]
    if known is not None and len(known.marks) + len(marks) > MOST_MARKS:
        update.set("marks", marks)
    else:
        update.append("marks", marks)
    for place, mark in enumerate(marks):
        update.values[f"mark{place}"] = mark
        update.conditions.append(f"(NOT contains(#marks, :mark{place}))")
    if known is None:
        update.values["most_marks"] = MOST_MARKS // 2
        update.conditions.append("(attribute_not_exists(#marks) OR size(#marks) <= :most_marks)")


def _is_said(note: "Note", news: "News", known: "Correlation | None") -> bool:
    """Return whether the ticket says a trigger's news by itself: it opens, or becomes worse."""
    if not note.is_news or known is None:
        return note.opens
    is_worse = 0 < known.severity < news.severity
    is_newer = news.triggered_at > known.triggered_at
    begins = news.begins_episode or (
        not known.is_firing and news.triggered_at > known.ended_at * bool(known.triggered_at)
    )
    return is_worse or (begins and is_newer and note.opens)


def _is_new(note: "Note", known: "Correlation") -> bool:
    """Return whether a note was not recorded before; too many that wait are counted only."""
    if set(note.marks) & set(known.marks) or len(known.notes) >= MOST_NOTES:
        return False
    was_recorded = note.was_received and note.moment <= known.annotated_at
    return note.is_news or not (note.id == known.annotation_id or was_recorded)
