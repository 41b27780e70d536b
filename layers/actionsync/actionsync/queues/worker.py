"""What the functions of events share: a batch from a queue, through the engine, to its outcome.

A message is an event as it came, an element of a webhook's delivery, or a prompt: the id of an
item of what waits, which holds the event, or of a timer, with its kind. A batch's events are folded
by dedup key. Whatever becomes of them is recorded (queues.outcome); a batch failure is for what
could not be recorded. What will not fit into the time that is left waits for a minute.
"""

import asyncio
import json
from collections import defaultdict
from dataclasses import dataclass, field, replace
from functools import reduce
from time import monotonic
from typing import TYPE_CHECKING, Any, Literal

from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.batch import (
    BatchProcessor,
    EventType,
    process_partial_response,
)

from actionsync import clock, gc_freeze
from actionsync.connections.circuit import reason_of
from actionsync.errors import ActionSyncError, ConnectionNotFoundError
from actionsync.events import sources
from actionsync.events.drafts import is_row
from actionsync.events.failures import PermanentError, RetryLaterError
from actionsync.events.folding import Group, Received, fold
from actionsync.events.intake import Intake
from actionsync.events.models import IncomingEvent, UnreadableEventError, digest
from actionsync.events.sources import envelopes
from actionsync.events.sources.protocol import Context
from actionsync.queues.outcome import Delivery
from actionsync.runtime import run
from actionsync.settings import event_settings
from actionsync.stores.recent import PUT_SECONDS
from actionsync.stores.teams import PREFIX
from actionsync.stores.timers import PROMPT
from actionsync.stores.versions import UnknownVersionError
from actionsync.stores.waiting import VERSION
from actionsync.telemetry import logger, metrics
from actionsync.tickets.models import NewWorkNote

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping, Sequence
    from datetime import date

    from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
    from aws_lambda_powertools.utilities.typing import LambdaContext

    from actionsync.audit.trail import ActivityStore
    from actionsync.events.engine import Engine, Handled
    from actionsync.events.gates.service import Gates
    from actionsync.events.owners import Owners
    from actionsync.events.pipelines import Pipelines
    from actionsync.events.recipes.models import Recipe
    from actionsync.events.sources.protocol import Reading
    from actionsync.queues.outcome import Outcomes
    from actionsync.rules.models import Rules
    from actionsync.stores.correlations import CorrelationStore
    from actionsync.tickets.service import TicketService

    # Handles timers: gets their ids, and when the function is ended, on time.monotonic()'s clock.
    Timed = Callable[[Sequence[str], float], Awaitable[None]]
    Failures = dict[str, BaseException | None]

# The queues of today's sources, each with its function.
Feed = Literal["error", "alarm", "deployment", "meeting"]
# So many keys are processed at once: what ServiceNow says of each has to fit the function's memory.
_ALL_AT_ONCE = 10
# So many keys of one owner are processed at once.
_AT_ONCE = 4
# A message that is received so often may have killed its function.
_SUSPECT_RECEIVES = 3
# What is left of an invocation when what is under way is given up.
_LAST_SECONDS = 4
# Longer than the lease of who was given up, so that nobody waits for it.
_OUT_OF_TIME_SECONDS = 90
_NEXT_MINUTE = 60
_LONGEST_REASON = 1000
_LONGEST_OWNER = 128
# Where events name what they are about.
_NAMES = ("service", "application", "alarmName", "AlarmName", "title")


@dataclass(frozen=True, slots=True)
class Services:
    """What a function of events works with.

    Attributes:
        engine: turns a key's events into its ticket.
        outcomes: where it is reported what became of them.
        correlations: what is known of dedup keys.
        activity: the audit trail.
        rules: returns an owner's rules, which may be some seconds old.
        tickets: returns the tickets of an owner; `kind` is who asks, as records say.
        pipelines: which deployments are a part of a pipeline's run.
        recipes: returns an owner's own recipes, which may be some seconds old.
        owners: returns who answers for AWS's events.
        timers: what handles timers, by their kind.
        owner_of: returns the id of the team in `team/<name>`, and any other owner unchanged.
        gates: deployments that wait for their change.
    """

    engine: "Engine"
    outcomes: "Outcomes"
    correlations: "CorrelationStore"
    activity: "ActivityStore"
    rules: "Callable[[str], Rules]"
    tickets: "Callable[..., TicketService]"
    pipelines: "Pipelines"
    recipes: "Callable[[str], Mapping[str, Recipe]]"
    owners: "Callable[[], Owners]"
    owner_of: "Callable[[str], str]"
    gates: "Gates"
    timers: "Mapping[str, Timed]" = field(default_factory=dict)


def entrypoint(
    feed: "Feed | None", services: "Callable[[], Services]"
) -> "Callable[[dict[str, Any], LambdaContext], Any]":
    """Return the Lambda handler of a queue.

    Args:
        feed: what its messages are; None for prompts and all that has no queue of its own.
        services: returns what it works with.
    """

    @metrics.log_metrics
    @logger.inject_lambda_context
    def lambda_handler(event: dict[str, Any], context: "LambdaContext") -> Any:
        batch = _Batch(services(), feed, monotonic() + context.get_remaining_time_in_millis() / 1e3)
        failures = run(batch.process_batch(event["Records"]))
        processor = BatchProcessor(EventType.SQS, raise_on_entire_batch_failure=False)

        def result(record: "SQSRecord") -> None:
            error = failures[record.message_id]
            if error is not None:
                raise error

        answer = process_partial_response(
            event=event, record_handler=result, processor=processor, context=context
        )
        gc_freeze.freeze()
        return answer

    return lambda_handler


# The kinds of events that were dropped today and are shown: each once a day and process.
_shown: "dict[tuple[str, str, date], None]" = {}
_MOST_SHOWN = 1000


@dataclass(frozen=True, slots=True)
class _Taken:
    """A key's events of a batch, recorded.

    Attributes:
        items: the events, each with the message that it came in.
        intake: what is known then.
    """

    items: list[tuple[Delivery, IncomingEvent]]
    intake: Intake


class _Batch:
    """One invocation's messages.

    Args:
        services: what it works with.
        feed: what the messages are; None for prompts and all that has no queue of its own.
        ends_at: when the function is ended, on time.monotonic()'s clock.
    """

    def __init__(self, services: Services, feed: "Feed | None", ends_at: float) -> None:
        self._services = services
        self._feed = feed
        self._ends_at = ends_at
        self._turns: dict[str, asyncio.Semaphore] = defaultdict(lambda: asyncio.Semaphore(_AT_ONCE))
        self._all_turns = asyncio.Semaphore(_ALL_AT_ONCE)
        self._failures: Failures = {}

    async def process_batch(self, records: list[dict[str, Any]]) -> "Failures":
        """Process all messages, and return what went wrong with those that are to come again.

        All at once, so that a slow instance holds up nobody else's; what may have killed its
        function before comes last, one by one.
        """
        deliveries, timers = self._sorted(records)
        timing = asyncio.gather(*timers.values(), return_exceptions=True)
        await self._process([delivery for delivery in deliveries if not delivery.is_suspect])
        for delivery in deliveries:
            if delivery.is_suspect:
                await self._process([delivery])
        for message_id, failure in zip(timers, await timing, strict=True):
            if failure is not None:
                logger.error("timer not processed", exc_info=failure)
                self._failures[message_id] = failure
        if self._ends_at - monotonic() > PUT_SECONDS:
            self._services.outcomes.put_notes()
        return self._failures

    def _sorted(
        self, records: list[dict[str, Any]]
    ) -> "tuple[list[Delivery], dict[str, Awaitable[None]]]":
        """Return what the messages hold, and what handles the timers that some name."""
        deliveries: list[Delivery] = []
        timers: dict[str, Awaitable[None]] = {}
        for record in records:
            message_id = record["messageId"]
            self._failures[message_id] = None
            try:
                ids, timer = _prompted(record["body"]) if self._feed is None else ([], "")
                if timer:
                    timers[message_id] = self._services.timers[timer](ids, self._ends_at)
                elif (delivery := self._delivery(record, ids)) is not None:
                    deliveries.append(delivery)
            except Exception as error:
                logger.exception("message not taken up", message_id=message_id)
                self._failures[message_id] = error
        return deliveries, timers

    def _delivery(self, record: dict[str, Any], ids: list[str]) -> Delivery | None:
        """Return what a message holds, or the item that it names; None for nothing to do."""
        message_id, body = record["messageId"], record["body"]
        if ids:
            return self._services.outcomes.take_up(ids[0], message_id)
        receives = int(record["attributes"]["ApproximateReceiveCount"])
        owner, name = _about(body)
        owner = self._services.owner_of(owner)
        delivery = Delivery(
            body, _received_at(record), message_id, owner, name, was_received=receives > 1
        )
        if receives >= _SUSPECT_RECEIVES:
            self._services.outcomes.suspect(delivery)
            return None
        return delivery

    async def _process(self, deliveries: list[Delivery]) -> None:
        groups: dict[str, list[tuple[Delivery, IncomingEvent]]] = {}
        meetings: list[tuple[Delivery, IncomingEvent]] = []
        read: list[Delivery] = []
        # A deployment is read after the pipeline that it may be a part of.
        for delivery in sorted(
            deliveries, key=lambda delivery: '"aws.codedeploy"' in delivery.body
        ):
            try:
                events = self._read(delivery)
            except UnreadableEventError as error:
                self._services.outcomes.fail(delivery, None, "Unreadable", str(error))
                continue
            except Exception as error:
                logger.exception("message not read", message_id=delivery.message_id)
                self._failures[delivery.message_id] = error
                continue
            read.append(delivery)
            for event in events:
                groups.setdefault(event.dedup_key, []).append((delivery, event))
            if events and events[0].kind == "action_item":
                meetings.append((delivery, events[0]))
        taken = self._take_in_all(groups.values())
        await self._all(
            {
                key: ([delivery for part in parts for delivery, _ in part.items],
                      self._handle(parts))
                for key, parts in taken.items()
            }
        )  # fmt: skip
        await self._all(
            {
                delivery.message_id: ([delivery], self._link(delivery, event))
                for delivery, event in meetings
            }
        )
        for delivery in read:
            if self._failures[delivery.message_id] is None:
                self._services.outcomes.close(delivery)

    async def _all(
        self, work: "dict[str, tuple[list[Delivery], Coroutine[Any, Any, None]]]"
    ) -> None:
        """Do all of it, and note whose messages have to come again."""
        done = await asyncio.gather(*(doing for _, doing in work.values()), return_exceptions=True)
        for (deliveries, _), error in zip(work.values(), done, strict=True):
            if error is not None:
                logger.error("event not processed", exc_info=error)
                for delivery in deliveries:
                    self._failures[delivery.message_id] = error

    def _read(self, delivery: Delivery) -> list[IncomingEvent]:
        """Return the events of a message; of one that waited, those that its item is for."""
        if delivery.event_in_short is not None:
            return [delivery.event_in_short]
        message = envelopes.read(delivery.body, delivery.received)
        self._name_owner(message)
        context = self._context(delivery)
        reading = sources.read(message, context)
        for asked in reading.gates:
            self._services.gates.open(asked)
        events = self._services.pipelines.join(message, reading.events, context)
        events = self._services.gates.join(events)
        own = [event for event in events if delivery.is_of(event)]
        if delivery.item is not None and delivery.item.member:  # it goes to the item's group
            own = [
                replace(event, group_key=delivery.item.id)
                for event in events
                if event.dedup_key == delivery.item.member
            ]
        if own:
            return own
        self._report(delivery, message, reading)
        if reading.gates:
            self._services.outcomes.note(delivery, None, "waiting at a gate", has_event=False)
        elif not events and not reading.unknown:
            metrics.add_metric(name="Ignored", unit=MetricUnit.Count, value=1)
            self._services.outcomes.note(delivery, None, "ignored")
        return list(events)

    def _name_owner(self, message: envelopes.Message) -> None:
        """Make an event that names a team, or a connection of one, the team's."""
        detail, named = message.detail, message.detail.get("connection")
        if isinstance(named, str) and named.startswith(PREFIX) and not message.is_from_aws:
            team, _, detail["connection"] = named.removeprefix(PREFIX).partition("/")
            detail["user_id"] = f"{PREFIX}{team}"
        if isinstance(owner := detail.get("user_id"), str):
            detail["user_id"] = self._services.owner_of(owner)

    def _context(self, delivery: Delivery) -> Context:
        return Context(
            delivery.received,
            self._services.owner_of(event_settings().automation_user_id),
            self._services.rules,
            self._services.owners,
            self._services.recipes if self._feed in {None, "error"} else None,
        )

    def _take_in_all(
        self, keys: "Iterable[list[tuple[Delivery, IncomingEvent]]]"
    ) -> dict[str, list[_Taken]]:
        """Record the events of all keys; return them by their tickets' keys."""
        taken: dict[str, list[_Taken]] = {}
        for items in keys:
            try:
                part = self._take_in(items)
            except Exception as error:
                logger.exception("event not recorded")
                for delivery, _ in items:
                    self._failures[delivery.message_id] = error
            else:
                taken.setdefault(part.intake.key, []).append(part)
        return taken

    def _take_in(self, items: list[tuple[Delivery, IncomingEvent]]) -> _Taken:
        """Record a key's events."""
        group = fold(
            Received(event, delivery.was_received, delivery.is_of(event))
            for delivery, event in items
        )
        return _Taken(items, self._services.engine.take_in(group))

    async def _handle(self, parts: list[_Taken]) -> None:
        """Bring a ticket up to date, and report what became of its events.

        Args:
            parts: the one key, or those of a group that are in the batch.
        """
        items = [item for part in parts for item in part.items]
        intake = reduce(Intake.merged, (part.intake for part in parts))
        group = intake.group
        waited = [delivery for delivery, event in items if delivery.is_of(event)]
        acting = [delivery for delivery, event in items if event.id == group.event.id]
        delivery, event = (waited or acting or [items[0][0]])[0], group.event
        outcomes = self._services.outcomes
        handled: Handled | None = None
        async with self._turns[event.owner], self._all_turns:
            try:
                async with asyncio.timeout(self._ends_at - monotonic() - _LAST_SECONDS):
                    handled = await self._services.engine.bring_up(
                        intake,
                        has_waited=bool(waited),
                        is_again=any(item.is_again for item in waited),
                        ends_at=self._ends_at,
                    )
            except RetryLaterError as error:
                outcomes.wait(delivery, event, error, intake.connection)
            except TimeoutError:
                late = RetryLaterError("NoTimeLeft", seconds=_OUT_OF_TIME_SECONDS, scope="worker")
                outcomes.wait(delivery, event, late, intake.connection)
            except ConnectionNotFoundError as error:
                # It waits for its owner to store one; until then nothing is released.
                lonely = RetryLaterError(
                    reason_of(error), str(error), seconds=_NEXT_MINUTE, scope="connection"
                )
                outcomes.wait(delivery, event, lonely, intake.connection)
            except PermanentError as error:
                outcomes.fail(delivery, event, error.reason, error.text)
            except ActionSyncError as error:
                outcomes.fail(delivery, event, reason_of(error), str(error))
            else:
                _count(group, handled)
                outcomes.finish(delivery, event, handled)
        for other, folded in items:
            if other is not delivery:
                # An end or a note is no repeat of what began: what was done is its outcome, too.
                if handled is None or folded.action == event.action:
                    outcome = "deduplicated"
                else:
                    outcome = handled.outcome
                ticket = handled.ticket if handled else None
                outcomes.note(other, folded, outcome, ticket=ticket)

    def _report(self, delivery: Delivery, message: envelopes.Message, reading: "Reading") -> None:
        """Report what of a message no source knows, or could not read, where people look."""
        if reading.unknown:
            metrics.add_metric(name="Unknown", unit=MetricUnit.Count, value=1)
            logger.warning("event of an unknown kind dropped", type=reading.unknown)
            said = f"No source knows this kind of event: {reading.unknown}"
            self._services.outcomes.note(delivery, None, "dropped", said)
            kind = (reading.owner, reading.unknown, clock.now().date())
            if 0 < len(reading.owner) <= _LONGEST_OWNER and kind not in _shown:
                _shown[kind] = None
                if len(_shown) > _MOST_SHOWN:
                    del _shown[next(iter(_shown))]
                self._services.activity.add(
                    reading.owner,
                    {
                        "id": digest(message.id, "unknown"),
                        "action": "dropped",
                        "kind": "incident",
                        "cause": reading.unknown,
                        "reason_type": "Unknown",
                        "reason": "No source takes this kind of event; shown once a day",
                    },
                )
        for position, part in enumerate(reading.rejected):
            metrics.add_metric(name="Rejected", unit=MetricUnit.Count, value=1)
            logger.warning("a part of an event could not be read", reason=part.reason)
            self._services.outcomes.note(delivery, None, "failed", f"{part.name}: {part.reason}")
            self._services.outcomes.notify(part.owner, "recipe", part.name, part.reason)
            self._services.activity.add(
                part.owner,
                {
                    "id": digest(message.id, str(position), "rejected"),
                    "action": "failed",
                    "outcome": "failed",
                    "kind": part.kind,
                    "cause": part.name[:200],
                    "reason_type": part.reason_type,
                    "reason": part.reason[:_LONGEST_REASON],
                },
            )

    async def _link(self, delivery: Delivery, event: IncomingEvent) -> None:
        """Leave one note, on the first ticket, that names all the tickets of a meeting.

        Whoever makes the last of them leaves it.
        """
        if delivery.event_in_short is not None:
            return
        message = envelopes.read(delivery.body, delivery.received)
        events = sources.read(message, self._context(delivery)).events
        known = [self._services.correlations.get(item.dedup_key) for item in events]
        tickets = [item for item in known if item.sys_id and not is_row(item.table)]
        is_under_way = any(item.is_known and not item.sys_id for item in known)
        if is_under_way or len(tickets) < 2:  # noqa: PLR2004 - one has nothing to be linked to
            return
        lines = [f"Action items of the meeting {event.labels['meeting']}:"]
        lines += [f"{ticket.number} {ticket.url}" for ticket in tickets]
        numbers = (ticket.sys_id for ticket in tickets)
        await self._services.tickets(event.owner, kind="meeting").add_work_note(
            tickets[0].table,
            tickets[0].sys_id,
            NewWorkNote(work_note="\n".join(lines)[:4000]),
            f"meeting-{digest(event.labels['meeting_id'], *numbers)}",
        )


def _count(group: Group, handled: "Handled") -> None:
    event = group.event
    if handled.warnings:
        metrics.add_metric(name="Warnings", unit=MetricUnit.Count, value=handled.warnings)
    folded = len(group.received) - 1
    if folded:
        metrics.add_metric(name="Deduplicated", unit=MetricUnit.Count, value=folded)
    for result in handled.results:
        metrics.add_metric(
            name=result.replace("_", " ").title().replace(" ", ""), unit=MetricUnit.Count, value=1
        )
    if set(handled.results) - {"ignored", "deduplicated", "skipped"}:
        age = (clock.now() - event.moment).total_seconds()
        metrics.add_metric(name="EventAge", unit=MetricUnit.Seconds, value=max(0.0, age))
    logger.info(
        "event handled",
        source=event.source,
        kind=event.kind,
        events=len(group.received),
        results=handled.results,
        correlation_id=f"actionsync-{event.dedup_key}",
        number=handled.ticket.number if handled.ticket else None,
    )


def _prompted(body: str) -> tuple[list[str], str]:
    """Return the item or the timers that a prompt names, and their kind; empty where it is none.

    Raises:
        UnknownVersionError: newer code has written it.
    """
    try:
        document = json.loads(body)
    except ValueError:
        return [], ""
    if not isinstance(document, dict) or document.keys() != {PROMPT}:
        return [], ""
    asked = document[PROMPT]
    if asked["version"] > VERSION:
        raise UnknownVersionError
    return [asked["item"], *asked.get("others", ())], asked.get("timer", "")


def _received_at(record: dict[str, Any]) -> int:
    """Return when a message was first received, in epoch milliseconds."""
    carried = (record.get("messageAttributes") or {}).get("received_at", {}).get("stringValue")
    return int(carried or record["attributes"]["SentTimestamp"])


def _about(body: str) -> tuple[str, str]:
    """Return whose a message is and what it is about, as far as an unreadable one says it."""
    automation_user = event_settings().automation_user_id
    try:
        message = envelopes.read(body)
    except UnreadableEventError:
        return automation_user, ""
    owner = message.detail.get("user_id") or automation_user
    if message.webhook is not None:
        owner = message.webhook.owner
    named = [message.detail.get(name) for name in _NAMES]
    name = str(next((name for name in named if name), message.type or message.source))
    return (owner if isinstance(owner, str) and len(owner) <= _LONGEST_OWNER else ""), name
