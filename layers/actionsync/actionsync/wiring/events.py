"""What turns events into tickets in this process."""

from functools import cache, partial
from typing import TYPE_CHECKING

from actionsync import aws
from actionsync.events.engine import Engine
from actionsync.events.pipelines import Pipelines
from actionsync.events.service import RecentOwners, RecentRecipes
from actionsync.queues.outcome import Outcomes
from actionsync.queues.worker import Services
from actionsync.rules.service import RecentRules
from actionsync.settings import settings
from actionsync.stores.pipelines import PipelineStore
from actionsync.tickets.service import TicketService
from actionsync.wiring import stores
from actionsync.wiring.servicenow import client_cache

if TYPE_CHECKING:
    from actionsync.queues.worker import Timed


def _is_user(owner: str) -> bool:
    """Return whether somebody has stored a connection."""
    return stores.connection_store().get(owner) is not None


def _timers() -> "dict[str, Timed]":
    """Return what handles timers, by their kind."""
    return {}


@cache
def services() -> Services:
    """Return what a function of events works with."""
    rules = RecentRules(stores.rule_store())
    correlations = stores.correlation_store()
    activity = stores.activity_store()
    return Services(
        engine=Engine(client_cache(), correlations, stores.pause_store(), activity, rules),
        outcomes=Outcomes(
            stores.waiting_store(),
            correlations,
            activity,
            stores.recent_events(),
            rules,
            is_user=_is_user,
        ),
        correlations=correlations,
        activity=activity,
        rules=rules,
        tickets=partial(
            TicketService,
            clients=client_cache(),
            idempotency=stores.idempotency_store(),
            activity=activity,
        ),
        pipelines=Pipelines(
            PipelineStore(aws.dynamodb(), settings().events_table), correlations, rules
        ),
        recipes=RecentRecipes(stores.recipe_store()),
        owners=RecentOwners(stores.owner_store()),
        timers=_timers(),
    )
