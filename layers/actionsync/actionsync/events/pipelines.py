"""One change for a pipeline's run, whatever CodeDeploy deployments it makes."""

from dataclasses import replace
from typing import TYPE_CHECKING

from actionsync.events.sources import codedeploy, codepipeline

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from actionsync.events.models import IncomingEvent
    from actionsync.events.sources.envelopes import Message
    from actionsync.events.sources.protocol import Context
    from actionsync.rules.models import Rules
    from actionsync.stores.correlations import CorrelationStore
    from actionsync.stores.pipelines import PipelineStore


class Pipelines:
    """Which deployments are a part of a pipeline's run.

    Args:
        store: which pipelines run.
        correlations: which deployments have a change of their own.
        rules_of: returns an owner's rules.
    """

    def __init__(
        self,
        store: "PipelineStore",
        correlations: "CorrelationStore",
        rules_of: "Callable[[str], Rules]",
    ) -> None:
        self._store = store
        self._correlations = correlations
        self._rules_of = rules_of

    def join(
        self, message: "Message", events: "Iterable[IncomingEvent]", context: "Context"
    ) -> "tuple[IncomingEvent, ...]":
        """Return events in which a deployment within a pipeline is a note on the pipeline's change.

        A pipeline that the rules leave out takes no deployment with it. A deployment whose
        pipeline is heard of only later has the change of both.
        """
        if message.source not in {"aws.codepipeline", "aws.codedeploy"}:
            return tuple(events)
        action = codepipeline.action_of(message, context)
        if action is not None:
            self._record(action)
        return tuple(map(self._joined, events))

    def _record(self, action: codepipeline.Action) -> None:
        about = (action.owner, action.run)
        if not action.deploys:
            self._store.see_action(*about, action.moment)
        elif action.has_ended:
            self._store.end_deploying(*about, action.name, action.moment, action.deployment_id)
        else:
            self._store.begin_deploying(*about, action.name, action.moment)

    def _joined(self, event: "IncomingEvent") -> "IncomingEvent":
        place = {"account": event.account, "region": event.region, "name": event.name}
        about = (event.owner, event.key, event.moment)
        if event.source == codepipeline.NAME:
            shared: str | None = None
            if event.action == "resolve":
                shared = self._store.end(*about)
            elif self._rules_of(event.owner).rule_for(event).then is not None:
                shared = self._store.begin(*about, place)
            if shared is None:
                return event
            return replace(event, source=codedeploy.NAME, key=shared)
        if self._correlations.get(event.dedup_key).is_known:
            if event.action == "resolve" and self._store.is_shared(event.owner, event.key):
                return replace(event, action="annotate", outcome="")
            return event
        deployment_id = event.labels.get("deployment_id", "")
        run = self._store.around(event.owner, event.moment, place, deployment_id)
        if run is None:
            if event.action == "trigger":
                self._store.stand_alone(*about, place)
            return event
        return replace(event, source=codepipeline.NAME, key=run, action="annotate", outcome="")
