"""What the functions of events share: a batch from the queue, through the engine, to an answer.

An event that has to wait is put into the queue again, with a delay, and this message of it is done:
waiting takes none of the tries that SQS counts, so that only a real failure ends in the dead-letter
queue. An event that cannot become a ticket goes there at once, with the reason as an attribute.
"""

import asyncio
import random
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.batch import (
    BatchProcessor,
    EventType,
    process_partial_response,
)

from actionsync import aws, clock, gc_freeze
from actionsync.errors import ActionSyncError
from actionsync.events import pipelines, sources
from actionsync.events.failures import PATIENCE_SECONDS, PermanentError, RetryLaterError
from actionsync.events.folding import Received, fold
from actionsync.events.models import IncomingEvent, Kind, UnreadableEventError, digest
from actionsync.events.sources import envelopes
from actionsync.events.sources.protocol import Context
from actionsync.runtime import run
from actionsync.settings import event_settings
from actionsync.tickets.models import NewWorkNote

if TYPE_CHECKING:
    from collections.abc import Callable

    from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
    from aws_lambda_powertools.utilities.typing import LambdaContext
    from mypy_boto3_sqs.type_defs import MessageAttributeValueTypeDef

    from actionsync.audit.trail import ActivityStore
    from actionsync.events.engine import Engine, Handled
    from actionsync.events.sources.protocol import Reading
    from actionsync.rules.models import Rules
    from actionsync.stores.pipelines import PipelineStore
    from actionsync.tickets.service import TicketService

logger = Logger()
metrics = Metrics(namespace="ActionSync")

# The queues, each with its function, and what their events become.
Feed = Literal["error", "alarm", "deployment", "meeting"]
KINDS: "dict[Feed, Kind]" = {
    "error": "incident", "alarm": "incident", "deployment": "change", "meeting": "action_item",
}  # fmt: skip
_LONGEST_DELAY = 900  # SQS API: SendMessage, DelaySeconds
_LONGEST_REASON = 1000
_LONGEST_USER_ID = 128
# Where the kinds of events name what they are about.
_NAMES = ("service", "application", "alarmName", "AlarmName", "title")


@dataclass(frozen=True, slots=True)
class Services:
    """What a function of events works with.

    Attributes:
        engine: turns an event into its ticket.
        activity: the audit trail.
        rules: returns an owner's rules, which may be some seconds old.
        tickets: returns the tickets of an owner; `kind` is who asks, as records say.
        pipelines: which pipelines run.
    """

    engine: "Engine"
    activity: "ActivityStore"
    rules: "Callable[[str], Rules]"
    tickets: "Callable[..., TicketService]"
    pipelines: "PipelineStore"


def entrypoint(
    kind: "Feed", services: "Callable[[], Services]"
) -> "Callable[[dict[str, Any], LambdaContext], Any]":
    """Return the Lambda handler of the events of a kind."""

    @metrics.log_metrics
    @logger.inject_lambda_context
    def lambda_handler(event: dict[str, Any], context: "LambdaContext") -> Any:
        outcomes: dict[str, BaseException | None] = run(
            _work_off(services(), event["Records"], kind)
        )
        processor = BatchProcessor(EventType.SQS, raise_on_entire_batch_failure=False)

        def outcome(record: "SQSRecord") -> None:
            error = outcomes[record.message_id]
            if error is not None:
                raise error

        answer = process_partial_response(
            event=event, record_handler=outcome, processor=processor, context=context
        )
        gc_freeze.freeze()
        return answer

    return lambda_handler


async def _work_off(
    services: Services, records: list[dict[str, Any]], kind: "Feed"
) -> dict[str, BaseException | None]:
    """Work off all records at once, so that a slow instance holds up nobody else's."""
    done = await asyncio.gather(
        *(_one(services, record, kind) for record in records), return_exceptions=True
    )
    return {record["messageId"]: error for record, error in zip(records, done, strict=True)}


async def _one(services: Services, record: dict[str, Any], kind: "Feed") -> None:
    try:
        received_at = _received_at(record)
        message = envelopes.read(record["body"], received_at)
        automation_user = event_settings().automation_user_id
        rules = services.rules(automation_user) if kind == "alarm" and automation_user else None
        reading = sources.read(message, Context(received_at, automation_user, rules))
        _report(services, message, reading)
        has_waited = "waits_since" in (record.get("messageAttributes") or {})
        was_received = has_waited or int(record["attributes"]["ApproximateReceiveCount"]) > 1
        events = reading.events
        if kind == "deployment" and message.is_from_aws and events:
            rules = services.rules(events[0].owner)
            events = pipelines.join(events, services.pipelines, rules)
        received = [Received(event, was_received, has_waited) for event in events]
        handled = [await _handled(services, item) for item in received]
        if due_at := max((item.due_at for item in handled), default=0):
            seconds = due_at - clock.epoch(clock.now())
            _put_back(services, record, kind, RetryLaterError(seconds, "QuietTime"))
        if not reading.events and not reading.unknown:
            metrics.add_metric(name="Ignored", unit=MetricUnit.Count, value=1)
        if reading.events and reading.events[0].kind == "action_item":
            await _link(services, reading.events[0], handled)
        if _was_put_aside(record):
            _record_event(services, record, kind, {"action": "redriven"})
    except UnreadableEventError as error:
        _put_aside(services, record, kind, "Poison", str(error))
    except (PermanentError, ActionSyncError) as error:
        reason = getattr(error, "reason", type(error).__name__.removesuffix("Error"))
        _put_aside(services, record, kind, reason, str(error))
    except RetryLaterError as error:
        _put_back(services, record, kind, error)


def _received_at(record: dict[str, Any]) -> datetime:
    return datetime.fromtimestamp(int(record["attributes"]["SentTimestamp"]) / 1000, UTC)


async def _handled(services: Services, received: Received) -> "Handled":
    event = received.event
    handled = await services.engine.handle(fold([received]), has_waited=received.is_recorded)
    if handled.warnings:
        metrics.add_metric(name="Warnings", unit=MetricUnit.Count, value=handled.warnings)
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
        results=handled.results,
        correlation_id=f"actionsync-{event.dedup_key}",
        number=handled.ticket.number if handled.ticket else None,
    )
    return handled


def _report(services: Services, message: envelopes.Message, reading: "Reading") -> None:
    """Report what of a message no source knows, or could not read, where people look."""
    if reading.unknown:
        metrics.add_metric(name="Unknown", unit=MetricUnit.Count, value=1)
        logger.warning("event of an unknown kind dropped", type=reading.unknown)
        if 0 < len(reading.owner) <= _LONGEST_USER_ID:
            services.activity.add(
                reading.owner,
                {
                    "id": digest(message.id, "unknown"),
                    "action": "dropped",
                    "kind": "incident",
                    "cause": reading.unknown,
                    "reason_type": "Unknown",
                    "reason": "No source knows this kind of event",
                },
            )
    for position, part in enumerate(reading.rejected):
        metrics.add_metric(name="Rejected", unit=MetricUnit.Count, value=1)
        logger.warning("a part of an event could not be read", reason=part.reason)
        services.activity.add(
            part.owner,
            {
                "id": digest(message.id, str(position), "rejected"),
                "action": "failed",
                "outcome": "failed",
                "kind": "action_item",
                "cause": part.name[:200],
                "reason_type": "Unreadable",
                "reason": part.reason[:_LONGEST_REASON],
            },
        )


async def _link(services: Services, event: IncomingEvent, handled: "list[Handled]") -> None:
    """Leave one note, on the first ticket, that names all the tickets of a meeting."""
    tickets = [item.ticket for item in handled if item.ticket is not None]
    if len(tickets) < 2:  # noqa: PLR2004 - one ticket has nothing to be linked to
        return
    lines = [f"Action items of the meeting {event.labels['meeting']}:"]
    lines += [f"{ticket.number} {ticket.url}" for ticket in tickets]
    await services.tickets(event.owner, kind="meeting").add_work_note(
        "incident",
        tickets[0].sys_id,
        NewWorkNote(work_note="\n".join(lines)[:4000]),
        f"meeting-{digest(event.labels['meeting_id'], *(ticket.sys_id for ticket in tickets))}",
    )


def _put_back(
    services: Services, record: dict[str, Any], kind: "Feed", wait: RetryLaterError
) -> None:
    now = clock.epoch(clock.now())
    attributes = record.get("messageAttributes") or {}
    since = int(attributes.get("waits_since", {}).get("stringValue") or now)
    if not wait.is_patient and now - since > PATIENCE_SECONDS:
        _put_aside(services, record, kind, wait.reason, str(wait))
        return
    # Spread a little, so that those who wait together do not come back together.
    delay = wait.seconds + random.randint(0, max(1, wait.seconds // 4))  # noqa: S311 - no secret
    aws.sqs().send_message(
        QueueUrl=event_settings().queue_url,
        MessageBody=record["body"],
        DelaySeconds=min(_LONGEST_DELAY, delay),
        MessageAttributes={
            "waits_since": {"DataType": "Number", "StringValue": str(since)},
            **({"reason_type": _text("Waiting")} if _was_put_aside(record) else {}),
        },
    )
    metrics.add_metric(
        name="RateLimited" if wait.reason == "RateLimited" else "Waiting",
        unit=MetricUnit.Count,
        value=1,
    )
    logger.info("event waits", reason=wait.reason, seconds=delay)


def _put_aside(
    services: Services, record: dict[str, Any], kind: "Feed", reason: str, text: str
) -> None:
    """Put an event into the dead-letter queue, with the reason why it cannot become a ticket."""
    failure = {"outcome": "failed", "reason_type": reason, "reason": text[:_LONGEST_REASON]}
    _record_event(services, record, kind, {"action": "failed", **failure})
    aws.sqs().send_message(
        QueueUrl=event_settings().dead_letter_url,
        MessageBody=record["body"],
        MessageAttributes={
            "reason": _text(_printable(text)),
            "reason_type": _text(reason),
        },
    )
    metrics.add_metric(name="Failed", unit=MetricUnit.Count, value=1)
    # By reason, beside the sum: a metric of its own, because a dimension would split every other.
    metrics.add_metric(name=f"Failed{reason}", unit=MetricUnit.Count, value=1)
    logger.warning("event put aside", reason=reason, text=text, message_id=record["messageId"])


def _was_put_aside(record: dict[str, Any]) -> bool:
    """Tell whether an event comes back from the dead-letter queue: SQS keeps its attributes."""
    return "reason_type" in (record.get("messageAttributes") or {})


def _record_event(
    services: Services, record: dict[str, Any], kind: "Feed", facts: dict[str, Any]
) -> None:
    """Tell the event's user, in the audit trail; an event that names nobody has only the log.

    An event has one id there, so that its being put back takes the place of its being put aside.
    """
    try:
        message = envelopes.read(record["body"])
    except UnreadableEventError:
        return
    user_id = message.detail.get("user_id") or event_settings().automation_user_id
    if not isinstance(user_id, str) or not 0 < len(user_id) <= _LONGEST_USER_ID:
        return
    named = [message.detail.get(name) for name in _NAMES]
    cause = next((name for name in named if name), message.type)
    what = {"id": digest(message.id, kind), "kind": KINDS[kind], "cause": str(cause)[:200]}
    services.activity.add(user_id, {**what, **facts})


def _text(value: str) -> "MessageAttributeValueTypeDef":
    return {"DataType": "String", "StringValue": value}


def _printable(text: str) -> str:
    """Return text that SQS takes in an attribute (API: SendMessage, allowed characters)."""
    shown = "".join(letter if letter.isprintable() else " " for letter in text)
    return shown[:_LONGEST_REASON] or "?"
