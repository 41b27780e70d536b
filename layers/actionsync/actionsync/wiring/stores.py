"""The stores of this process. Loads no HTTP client and no models of requests."""

from functools import cache
from typing import TYPE_CHECKING

from actionsync import aws
from actionsync.audit.trail import ActivityStore
from actionsync.settings import notice_topic, settings
from actionsync.stores.addresses import AddressStore
from actionsync.stores.capabilities import CapabilityStore
from actionsync.stores.connections import ConnectionStore
from actionsync.stores.correlations import CorrelationStore
from actionsync.stores.deployed import DeployedStore
from actionsync.stores.documents import DocumentStore
from actionsync.stores.gates import GateStore
from actionsync.stores.idempotency import IdempotencyStore
from actionsync.stores.leases import LeaseStore
from actionsync.stores.pauses import PauseStore
from actionsync.stores.rates import Rates
from actionsync.stores.recent import RecentEvents
from actionsync.stores.rules import RuleStore
from actionsync.stores.secrets import SecretStore
from actionsync.stores.sign_ins import SignInStore
from actionsync.stores.teams import TeamStore
from actionsync.stores.tickets import TicketStore
from actionsync.stores.timers import TimerStore
from actionsync.stores.waiting import WaitingStore
from actionsync.stores.webhooks import WebhookStore

if TYPE_CHECKING:
    from actionsync.stores.rates import Kind


@cache
def connection_store() -> ConnectionStore:
    """Return the connections."""
    return ConnectionStore(aws.dynamodb(), settings().connections_table)


@cache
def team_store() -> TeamStore:
    """Return the teams."""
    return TeamStore(aws.dynamodb(), settings().connections_table)


@cache
def secret_store() -> SecretStore:
    """Return the secrets of the connections."""
    return SecretStore(aws.secrets_manager(), settings().secret_prefix, settings().kms_key)


@cache
def activity_store() -> ActivityStore:
    """Return the audit trail."""
    return ActivityStore(aws.dynamodb(), settings().audit_table, settings().audit_days)


@cache
def rule_store() -> RuleStore:
    """Return the rules."""
    return RuleStore(aws.dynamodb(), settings().events_table)


@cache
def recipe_store() -> DocumentStore:
    """Return the owners' own recipes."""
    return DocumentStore(aws.dynamodb(), settings().events_table, "RECIPES")


@cache
def owner_store() -> DocumentStore:
    """Return who answers for AWS's events."""
    return DocumentStore(aws.dynamodb(), settings().events_table, "OWNERS")


@cache
def webhook_store() -> WebhookStore:
    """Return the webhooks and their secrets."""
    return WebhookStore(
        aws.dynamodb(),
        settings().events_table,
        aws.secrets_manager(),
        settings().secret_prefix,
        settings().kms_key,
    )


@cache
def pause_store() -> PauseStore:
    """Return the pauses of instances and connections."""
    return PauseStore(aws.dynamodb(), settings().events_table)


@cache
def lease_store() -> LeaseStore:
    """Return who alone uses a refresh token."""
    return LeaseStore(aws.dynamodb(), settings().events_table)


@cache
def capability_store() -> CapabilityStore:
    """Return what is remembered of instances' capabilities."""
    return CapabilityStore(aws.dynamodb(), settings().events_table)


@cache
def waiting_store() -> WaitingStore:
    """Return what waits and what has failed."""
    return WaitingStore(aws.dynamodb(), settings().waiting_table)


@cache
def timer_store() -> TimerStore:
    """Return the timers."""
    return TimerStore(aws.dynamodb(), settings().waiting_table, waiting_store())


@cache
def address_store() -> AddressStore:
    """Return the addresses to which owners' notices go."""
    return AddressStore(aws.dynamodb(), settings().events_table, aws.sns, notice_topic())


@cache
def deployed_store() -> DeployedStore:
    """Return the deployments of the last hours."""
    return DeployedStore(aws.dynamodb(), settings().events_table)


@cache
def ticket_store() -> TicketStore:
    """Return the rows of open tickets."""
    return TicketStore(aws.dynamodb(), settings().events_table)


@cache
def gate_store() -> GateStore:
    """Return the gates."""
    return GateStore(aws.dynamodb(), settings().events_table)


@cache
def correlation_store() -> CorrelationStore:
    """Return what is known of dedup keys."""
    return CorrelationStore(aws.dynamodb(), settings().events_table)


@cache
def recent_events() -> RecentEvents:
    """Return the newest events of owners and of webhooks."""
    return RecentEvents(aws.dynamodb(), settings().events_table)


@cache
def idempotency_store() -> IdempotencyStore:
    """Return the idempotency records."""
    return IdempotencyStore(aws.dynamodb(), settings().idempotency_table)


# Of one user with one host and name there: a password is typed, not guessed.
SIGN_INS_PER_MINUTE = 10
# Of one webhook, over its owner's quota: ends, and what is the first of its key.
LATE_DELIVERIES_PER_MINUTE = 1000


@cache
def sign_in_store() -> SignInStore:
    """Return the sign-ins to ServiceNow that have begun."""
    return SignInStore(aws.dynamodb(), settings().idempotency_table)


@cache
def rates(kind: "Kind") -> Rates:
    """Return the counts of what users ask for."""
    limits = {
        "writes": settings().writes_per_minute,
        "reads": settings().reads_per_minute,
        "deliveries": settings().deliveries_per_minute,
        "late deliveries": LATE_DELIVERIES_PER_MINUTE,
        "sign-ins": SIGN_INS_PER_MINUTE,
    }
    return Rates(aws.dynamodb(), settings().idempotency_table, kind, limits[kind])
