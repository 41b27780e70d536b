"""What is made of what asks for a gate: its item, its timer, and the event of its change."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from actionsync import clock
from actionsync.events.gates.asked import Asked
from actionsync.events.models import digest
from actionsync.events.sources import codepipeline, deployments, fields
from actionsync.events.sources.deployments import DeploymentDetail
from actionsync.events.sources.envelopes import Message
from actionsync.events.sources.protocol import Context
from actionsync.stores.gates import Gate
from actionsync.stores.timers import Timer, key_of

if TYPE_CHECKING:
    from actionsync.events.models import IncomingEvent

# The ids of a deployment's gates begin alike.
_PREFIX = 16


def gate_of(asked: Asked) -> Gate:
    """Return the gate that a deployment asks for.

    Raises:
        UnreadableEventError: it lacks what identifies it.
    """
    detail = _detail(asked, [])
    deployment = digest(asked.owner, asked.source, _run(asked) or detail.key)
    place = [asked.place.get(name, "") for name in ("stage", "action")]
    return Gate(
        id=prefix_of(deployment) + digest(*place)[:_PREFIX],
        owner=asked.owner,
        deployment=deployment,
        key=_key(asked, detail),
        application=detail.application,
        environment=detail.environment,
        deployment_id=detail.deployment_id,
        attempt=detail.attempt or "1",
        platform=asked.platform,
        created_at=asked.asked_at,
    )


def prefix_of(deployment: str) -> str:
    """Return how the ids begin of the gates of a deployment, by the dedup key of its events."""
    return deployment[:_PREFIX]


def timer_of(asked: Asked) -> Timer:
    """Return the timer by which a gate is looked at, one for each that is asked for.

    Nothing of it waits for an instance's pause, since a gate ends whoever is away.

    Raises:
        UnreadableEventError: it lacks what identifies it.
    """
    token = asked.place.get("token", "")
    known = token or gate_of(asked).id
    return Timer(
        digest("gate", asked.owner, asked.source, known),
        key_of("gates", asked.owner),
        clock.now_epoch(),
        asked.to_memo(),
    )


def event_of(asked: Asked) -> "IncomingEvent":
    """Return the event that opens a gate's change, or finds the one that exists.

    Raises:
        UnreadableEventError: it lacks what identifies it.
    """
    moment = datetime.fromtimestamp(asked.asked_at, UTC)
    place = asked.place
    message = Message(
        id=digest(asked.owner, asked.source, *place.values(), str(asked.asked_at)),
        type="", source="", time=moment, resources=(),
        account=asked.account, region=place.get("region", ""),
    )  # fmt: skip
    assumptions: list[str] = []
    detail = _detail(asked, assumptions)
    began = detail.model_copy(update={"status": "started", "occurred_at": None})
    key = _key(asked, detail)
    event = deployments.event(asked.source, began, message, Context(moment), assumptions, key)
    return replace(event, change=replace(event.change, waits=True))


def _detail(asked: Asked, assumptions: list[str]) -> DeploymentDetail:
    known = {"user_id": asked.owner}
    if "execution" in asked.place:
        known["deployment_id"] = asked.place["execution"]
    return fields.parse(DeploymentDetail, {**asked.detail, **known}, assumptions)


def _key(asked: Asked, detail: DeploymentDetail) -> str:
    """Return what identifies the change: the deployment, or a place in a pipeline's execution."""
    run = _run(asked)
    return digest(run, asked.place["stage"], asked.place["action"]) if run else detail.key


def _run(asked: Asked) -> str:
    """Return what identifies a pipeline's execution; empty for other deployments."""
    place = asked.place
    if asked.platform != codepipeline.NAME:
        return ""
    where = (asked.account, place["region"], place["pipeline"], place["execution"])
    return codepipeline.run_key(*where)
