"""A batch's events of one dedup key, folded into what is recorded of it.

Pure: the same events in any order and any split give the same moments.
"""

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from actionsync import clock
from actionsync.events.models import IncomingEvent, digest
from actionsync.rules.matching import SEVERITIES
from actionsync.stores.correlations import News, Note, microseconds

if TYPE_CHECKING:
    from collections.abc import Iterable

# What a correlation remembers of an event's texts: it is written often, and has to stay small.
_REMEMBERED = {"message": 400, "changelog": 400, "title": 160, "link": 200}
_REMEMBERED_OTHERS = 80
_LONGEST_NOTE = 500
_FORGOTTEN = frozenset({"details"})


@dataclass(frozen=True, slots=True)
class Received:
    """An event, as a worker got it.

    Attributes:
        event: the event.
        was_received: whether SQS says that its message was received before.
        is_recorded: whether it is known to be recorded: it has waited.
    """

    event: IncomingEvent
    was_received: bool = False
    is_recorded: bool = False


@dataclass(frozen=True, slots=True)
class Group:
    """What a batch says of one dedup key.

    Attributes:
        event: the one that would act: the trigger that begins the newest episode, else the newest
            end, else the newest annotation.
        trigger: the newest trigger, or None.
        end: the newest end, or None.
        severest: the trigger of the highest severity, or None.
        news: what is recorded.
        received: all of them, each once.
    """

    event: IncomingEvent
    trigger: IncomingEvent | None
    end: IncomingEvent | None
    severest: IncomingEvent | None
    news: News
    received: tuple[Received, ...] = field(repr=False, default=())

    def without_triggers(self) -> "Group | None":
        """Return the rest of it where the rules leave its triggers out, or None."""
        rest = [item for item in self.received if item.event.action != "trigger"]
        return fold(rest) if rest else None


def rank(severity: str) -> int:
    """Return a severity as a number: 5 for critical, 1 for info."""
    return len(SEVERITIES) - SEVERITIES.index(severity)


def grouped(received: "Iterable[Received]") -> dict[str, list[Received]]:
    """Return a batch's events by dedup key."""
    groups: dict[str, list[Received]] = {}
    for item in received:
        groups.setdefault(item.event.dedup_key, []).append(item)
    return groups


def fold(received: "Iterable[Received]") -> Group:
    """Fold a batch's events of one dedup key."""
    once: dict[str, Received] = {}
    for item in received:
        known = once.get(item.event.id)
        if known is None or known.was_received:
            once[item.event.id] = item
    ordered = sorted(once.values(), key=lambda item: (item.event.moment, item.event.received_at))
    triggers = [item for item in ordered if item.event.action == "trigger"]
    notes = [item for item in ordered if item.event.action == "annotate"]
    newest = triggers[-1] if triggers else None
    trigger = newest.event if newest else None
    end = _newest_end(ordered)
    episode = [item.event for item in triggers if end is None or item.event.moment > end.moment]
    opening = episode[0] if episode else trigger
    counted = [item for item in triggers if not item.event.is_heartbeat]
    severest = max(triggers, key=lambda item: rank(item.event.severity)).event if triggers else None
    event = opening or end or notes[-1].event
    news = News(
        owner=event.owner,
        final_at=_newest(item for item in ordered if item.event.is_final),
        taken_back_at=_newest(item for item in ordered if item.event.takes_back),
        occurrences=sum(not item.was_received for item in counted),
        doubtful=sum(item.was_received and not item.is_recorded for item in counted),
        notes=(*map(_note, notes), *_news(triggers[-len(episode) :], opening)),
        seen_at=max(clock.epoch(item.event.received_at) for item in ordered),
    )
    if end is not None:
        news = replace(
            news,
            ended_at=microseconds(end.moment),
            end_received_at=microseconds(end.received_at),
            end_texts=_remembered(end.texts),
            outcome=end.outcome,
            end_is_heartbeat=_is_repeated(end),
        )
    if newest is not None and trigger is not None and severest is not None:
        begins_episode = end is not None and bool(episode)
        known_by = episode[0] if begins_episode and trigger.is_heartbeat else trigger
        news = replace(
            news,
            triggered_at=microseconds(trigger.moment),
            trigger_id=trigger.id,
            received_at=microseconds(known_by.received_at),
            is_heartbeat=trigger.is_heartbeat,
            begins_episode=begins_episode,
            severity=rank(severest.severity),
            texts=_remembered(trigger.texts),
            silenced_until=_silence(episode or [trigger]),
            trigger_was_received=newest.was_received,
        )
    return Group(event, trigger, end, severest, news, tuple(once.values()))


def _is_repeated(end: IncomingEvent) -> bool:
    """Return whether an end says nothing new of a change that has ended before.

    Of an incident each end counts: what begins between two of them may come later than both.
    """
    return end.is_heartbeat and end.kind == "change"


def _newest_end(ordered: list[Received]) -> IncomingEvent | None:
    """Return the newest end, but for those that say nothing new."""
    end: IncomingEvent | None = None
    is_over = False
    for item in ordered:
        event = item.event
        if event.action == "trigger":
            is_over = False
        elif event.action == "resolve" and not (_is_repeated(event) and is_over):
            end, is_over = event, True
    return end


def _silence(episode: list[IncomingEvent]) -> int:
    """Return until when an episode is silenced: not at all, once one of its triggers is not."""
    silences = [event.silenced_until for event in episode]
    ends = [clock.epoch(until) for until in silences if until is not None]
    return max(ends) if len(ends) == len(episode) else 0


def _newest(items: "Iterable[Received]") -> int:
    return max((microseconds(item.event.moment) for item in items), default=0)


def _note(item: Received) -> Note:
    texts = item.event.texts
    text = f"{texts['status']} at {texts['occurred_at']}. {texts['message']}"[:_LONGEST_NOTE]
    moment = microseconds(item.event.moment)
    return Note(text, item.event.id, moment, item.was_received, marks=(_mark("text", text),))


def _news(triggers: list[Received], opening: IncomingEvent | None) -> list[Note]:
    """Return what of the triggers is news, each once; what opens a ticket says it there."""
    found: dict[str, Note] = {}
    for item in sorted(triggers, key=lambda item: item.event is not opening):
        event, texts = item.event, item.event.texts
        if not event.news:
            continue
        when = f"{texts['status']} at {texts['occurred_at']}, severity {event.severity}."
        text = f"{when} {texts['message']}"[:_LONGEST_NOTE]
        found.setdefault(
            event.news,
            Note(
                text,
                event.id,
                microseconds(event.moment),
                item.was_received,
                marks=(_mark("news", event.news), _mark("text", text)),
                is_news=True,
                opens=event is opening,
            ),
        )
    return sorted(found.values(), key=lambda note: note.moment)


def _mark(*parts: str) -> str:
    return digest(*parts)[:12]


def _remembered(texts: dict[str, str]) -> dict[str, str]:
    return {
        name: text[: _REMEMBERED.get(name, _REMEMBERED_OTHERS)]
        for name, text in texts.items()
        if text and name not in _FORGOTTEN
    }
