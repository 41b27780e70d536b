"""One change for a pipeline's run, whatever CodeDeploy deployments it makes."""

from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from actionsync.events.models import IncomingEvent
    from actionsync.rules.models import Rules
    from actionsync.stores.pipelines import PipelineStore


def join(
    events: "Iterable[IncomingEvent]", pipelines: "PipelineStore", rules: "Rules"
) -> "tuple[IncomingEvent, ...]":
    """Return events in which a deployment within a pipeline is a note on the pipeline's change.

    A pipeline that the rules leave out takes no deployment with it.
    """
    return tuple(_joined(event, pipelines, rules) for event in events)


def _joined(event: "IncomingEvent", pipelines: "PipelineStore", rules: "Rules") -> "IncomingEvent":
    if event.source == "codepipeline":
        if event.action == "resolve":
            pipelines.end(event.owner, event.key, event.moment)
        elif rules.rule_for(event).then is not None:
            place = {"account": event.account, "region": event.region, "name": event.name}
            pipelines.begin(event.owner, event.key, event.moment, place)
    elif event.source == "codedeploy":
        run = pipelines.around(event.owner, event.moment, event.account, event.region, event.name)
        if run is not None:
            return replace(event, source="codepipeline", key=run, action="annotate", outcome="")
    return event
