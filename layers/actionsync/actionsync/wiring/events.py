"""What turns events into tickets in this process."""

from functools import cache, partial
from typing import TYPE_CHECKING

from actionsync import aws
from actionsync.events.engine import Engine
from actionsync.events.gates.service import Gates
from actionsync.events.looks import Looks
from actionsync.events.notices import NoticeSender
from actionsync.events.openings import Openings
from actionsync.events.outgoing import Outgoing
from actionsync.events.pipelines import Pipelines
from actionsync.events.service import RecentOwners, RecentRecipes
from actionsync.events.watch import Watch
from actionsync.events.windows import ChangeWindows
from actionsync.queues.outcome import Outcomes
from actionsync.queues.worker import Services
from actionsync.rules.service import RecentRules
from actionsync.settings import bus_name, look_minutes, settings, write_backs
from actionsync.stores.caps import CapStore
from actionsync.stores.members import MemberStore
from actionsync.stores.pipelines import PipelineStore
from actionsync.stores.windows import WindowStore
from actionsync.tickets.service import TicketService
from actionsync.wiring import stores
from actionsync.wiring.notices import notices
from actionsync.wiring.owners import owner_of
from actionsync.wiring.servicenow import client_cache

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence
    from datetime import datetime

    from actionsync.events.writebacks import WriteBacks
    from actionsync.queues.worker import Timed


def _is_user(owner: str) -> bool:
    """Return whether somebody has stored a connection."""
    return stores.connection_store().names(owner) != []


@cache
def looks() -> Looks:
    """Return what looks at tickets."""
    return Looks(
        client_cache(),
        stores.connection_store(),
        stores.ticket_store(),
        stores.timer_store(),
        openings=openings(),
        activity=stores.activity_store(),
        correlations=stores.correlation_store(),
        longest_minutes=look_minutes(),
    )


@cache
def gates() -> Gates:
    """Return the deployments that wait for their change."""
    return Gates(
        stores.gate_store(),
        stores.timer_store(),
        engine(),
        client_cache(),
        stores.correlation_store(),
        stores.activity_store(),
        rules(),
        looks(),
        stores.ticket_store(),
    )


def _timers() -> "dict[str, Timed]":
    """Return what handles timers, by their kind."""
    return {
        "gates": gates().look,
        "looks": _followed(looks().look),
        "pushes": _followed(looks().look_at_pushed),
        "notices": _send_notices,
        "windows": _read_windows,
    }


async def _read_windows(timer_ids: "Sequence[str]", _: float) -> None:
    """Read the change windows of connections."""
    for timer_id in timer_ids:
        await windows().look(timer_id)


def _followed(look: "Callable[[str, float], Awaitable[set[str]]]") -> "Timed":
    """Return a look that the gates follow whose changes have moved."""

    async def followed(timer_ids: "Sequence[str]", ends_at: float) -> None:
        for timer_id in timer_ids:
            await gates().look(sorted(await look(timer_id, ends_at)), ends_at)

    return followed


async def _send_notices(timer_ids: "Sequence[str]", _: float) -> None:
    """Send notices, by the one function that may."""
    sender = NoticeSender(
        stores.timer_store(), outgoing(), stores.address_store(), ending_of_connection
    )
    for timer_id in timer_ids:
        sender.send(timer_id)


def ending_of_connection(owner: str, name: str) -> "tuple[datetime, str] | None":
    """Return when an owner learns that a connection's sign-in ends, and what of that."""
    connection = stores.connection_store().get(owner, name)
    return None if connection is None else connection.ending()


@cache
def outgoing() -> Outgoing:
    """Return where events go out."""
    name = bus_name()
    return Outgoing(lambda: (aws.event_bridge(), name))


@cache
def openings() -> Openings:
    """Return where openings are recorded."""
    watch = Watch(stores.ticket_store(), stores.timer_store())
    return Openings(stores.ticket_store(), watch, outgoing(), _write_backs())


def _write_backs() -> "WriteBacks | None":
    wanted, account = write_backs()
    if not wanted:
        return None
    from actionsync.events.writebacks import WriteBacks  # noqa: PLC0415 - most stacks want none

    return WriteBacks(stores.ticket_store(), aws, wanted=wanted, account=account)


@cache
def rules() -> RecentRules:
    """Return owners' rules, which may be some seconds old."""
    return RecentRules(stores.rule_store())


@cache
def windows() -> ChangeWindows:
    """Return when changes are planned."""
    return ChangeWindows(
        WindowStore(aws.dynamodb(), settings().events_table),
        stores.timer_store(),
        client_cache(),
        stores.connection_store(),
        correlations=stores.correlation_store(),
        rules_of=rules(),
    )


@cache
def engine() -> Engine:
    """Return what turns a key's events into its ticket."""
    return Engine(
        client_cache(),
        stores.correlation_store(),
        stores.pause_store(),
        stores.activity_store(),
        rules(),
        openings=openings(),
        members=MemberStore(aws.dynamodb(), settings().events_table),
        caps=CapStore(aws.dynamodb(), settings().events_table),
        deployed=stores.deployed_store(),
        windows=windows(),
        notices=notices(),
    )


@cache
def services() -> Services:
    """Return what a function of events works with."""
    correlations = stores.correlation_store()
    activity = stores.activity_store()
    return Services(
        engine=engine(),
        outcomes=Outcomes(
            stores.waiting_store(),
            correlations,
            activity,
            stores.recent_events(),
            rules(),
            is_user=_is_user,
            notices=notices(),
        ),
        correlations=correlations,
        activity=activity,
        rules=rules(),
        tickets=partial(
            TicketService,
            clients=client_cache(),
            idempotency=stores.idempotency_store(),
            activity=activity,
        ),
        pipelines=Pipelines(
            PipelineStore(aws.dynamodb(), settings().events_table), correlations, rules()
        ),
        recipes=RecentRecipes(stores.recipe_store()),
        owners=RecentOwners(stores.owner_store(), owner_of()),
        owner_of=owner_of(),
        gates=gates(),
        timers=_timers(),
    )
