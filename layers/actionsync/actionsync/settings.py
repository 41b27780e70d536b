"""Settings that the template gives a function through its environment."""

import os
from dataclasses import dataclass
from functools import cache


class MissingSettingError(RuntimeError):
    """The function's environment lacks a variable that the template sets."""

    def __init__(self, name: str) -> None:
        """Name the variable."""
        super().__init__(f"The environment variable {name} is not set; template.yaml sets it.")


@dataclass(frozen=True, slots=True)
class Settings:
    """A function's settings.

    Attributes:
        connections_table: DynamoDB table of the users' connections.
        idempotency_table: DynamoDB table of the writes under way or done.
        events_table: DynamoDB table of correlations, rules, pauses and webhooks.
        waiting_table: DynamoDB table of what waits and what has failed.
        audit_table: DynamoDB table of the audit trail.
        audit_days: days after which a record of it expires.
        writes_per_minute: how many writes a user may ask for in a minute.
        reads_per_minute: how many reads.
        deliveries_per_minute: how many deliveries a user's webhooks take in a minute.
        secret_prefix: start of every secret's name, ending in a slash.
        kms_key: ARN of the key that encrypts the secrets, or empty for AWS's own.
        allowed_instance_hosts: hosts a connection may name, `*.` standing for any subdomain.
        max_response_mib: how many MiB an answer of ServiceNow may have, so that the worst ones
            that a function holds at once fit its memory.
        allowed_columns: columns that speak for people, and may be set all the same.
        instance_ca_file: PEM file of the authority behind the instances' certificates, or None
            for the public ones.
    """

    connections_table: str
    idempotency_table: str
    events_table: str
    waiting_table: str
    audit_table: str
    audit_days: int
    writes_per_minute: int
    reads_per_minute: int
    deliveries_per_minute: int
    secret_prefix: str
    kms_key: str
    allowed_instance_hosts: tuple[str, ...]
    max_response_mib: int
    allowed_columns: frozenset[str]
    instance_ca_file: str | None


def _variable(name: str) -> str:
    value = os.environ.get(name)
    if value is None:
        raise MissingSettingError(name)
    return value


@cache
def settings() -> Settings:
    """Read the settings, once in a process.

    Raises:
        MissingSettingError: a variable is not set.
    """
    hosts = _variable("ALLOWED_INSTANCE_HOSTS").split(",")
    return Settings(
        connections_table=_variable("CONNECTIONS_TABLE"),
        idempotency_table=_variable("IDEMPOTENCY_TABLE"),
        events_table=_variable("EVENTS_TABLE"),
        waiting_table=_variable("WAITING_TABLE"),
        audit_table=_variable("AUDIT_TABLE"),
        audit_days=int(_variable("AUDIT_DAYS")),
        writes_per_minute=int(_variable("WRITES_PER_MINUTE")),
        reads_per_minute=int(_variable("READS_PER_MINUTE")),
        deliveries_per_minute=int(_variable("DELIVERIES_PER_MINUTE")),
        secret_prefix=_variable("SECRET_PREFIX"),
        kms_key=_variable("KMS_KEY_ARN"),
        allowed_instance_hosts=tuple(host.strip().lower() for host in hosts if host.strip()),
        max_response_mib=int(_variable("MAX_RESPONSE_MIB")),
        allowed_columns=frozenset(_variable("ALLOWED_COLUMNS").replace(",", " ").split()),
        instance_ca_file=_variable("INSTANCE_CA_FILE") or None,
    )


@cache
def token_scopes() -> frozenset[str]:
    """Return the scopes of which a caller's token needs one; none where any token will do.

    Raises:
        MissingSettingError: the variable is not set.
    """
    return frozenset(_variable("JWT_SCOPES").replace(",", " ").split())


def assistant_write_scope() -> str:
    """Return the scope with which a caller's token lets an assistant write; empty for none.

    Raises:
        MissingSettingError: the variable is not set.
    """
    return _variable("ASSISTANT_WRITE_SCOPE").strip()


def jwt_issuer() -> str:
    """Return who issues the callers' tokens.

    Raises:
        MissingSettingError: the variable is not set.
    """
    return _variable("JWT_ISSUER")


@cache
def groups_claim() -> str:
    """Return which claim of a token names its groups.

    Raises:
        MissingSettingError: the variable is not set.
    """
    return _variable("GROUPS_CLAIM")


@cache
def sign_in() -> dict[str, str]:
    """Return where the pages sign a person in: the issuer's addresses and the client id.

    Raises:
        MissingSettingError: a variable is not set.
    """
    names = ("authorize_url", "token_url", "logout_url", "client_id")
    return {name: _variable(f"SIGN_IN_{name.upper()}") for name in names}


@dataclass(frozen=True, slots=True)
class EventSettings:
    """Further settings of a function that reads a queue.

    Attributes:
        automation_user_id: the user for events that AWS itself makes; empty for nobody.
    """

    automation_user_id: str


@cache
def event_settings() -> EventSettings:
    """Read the settings of a function of events, once in a process.

    Raises:
        MissingSettingError: a variable is not set.
    """
    return EventSettings(
        automation_user_id=_variable("AUTOMATION_USER_ID"),
    )


@dataclass(frozen=True, slots=True)
class TickSettings:
    """What the tick needs besides.

    Attributes:
        event_queue_url: where it sends its prompts.
        release_per_minute: how many items of a wait key it releases in a minute at most.
    """

    event_queue_url: str
    release_per_minute: int


@cache
def tick_settings() -> TickSettings:
    """Read the settings of the tick, once in a process.

    Raises:
        MissingSettingError: a variable is not set.
    """
    return TickSettings(
        event_queue_url=event_queue_url(),
        release_per_minute=int(_variable("RELEASE_PER_MINUTE")),
    )


def event_queue_url() -> str:
    """Return the address of the queue of events.

    Raises:
        MissingSettingError: the variable is not set.
    """
    return _variable("EVENT_QUEUE_URL")


def write_backs() -> tuple[frozenset[str], str]:
    """Return the sources that learn of their tickets, and the stack's account."""
    wanted = os.environ.get("WRITE_BACKS", "").split(",")
    return frozenset(filter(None, wanted)), os.environ.get("ACCOUNT_ID", "")


def look_minutes() -> tuple[int, int]:
    """Return how often all open tickets are read at least: polled, and with push."""
    polled, _, pushed = os.environ.get("LOOK_MINUTES", "15,30").partition(",")
    return int(polled), int(pushed)


def bus_name() -> str:
    """Return the name of the stack's event bus.

    Raises:
        MissingSettingError: the variable is not set.
    """
    return _variable("EVENT_BUS")


def notice_topic() -> str:
    """Return the topic by which owners' addresses get their notices.

    Raises:
        MissingSettingError: the variable is not set.
    """
    return _variable("NOTICE_TOPIC")


@dataclass(frozen=True, slots=True)
class LogSettings:
    """What the function that takes log lines needs besides.

    Attributes:
        region: where it runs, and with it the log groups.
        own_groups: the stack's own log groups, whose lines make no tickets.
    """

    region: str
    own_groups: frozenset[str]


@cache
def log_settings() -> LogSettings:
    """Read the settings of the function that takes log lines, once in a process.

    Raises:
        MissingSettingError: a variable is not set.
    """
    return LogSettings(_variable("AWS_REGION"), frozenset(_variable("OWN_LOG_GROUPS").split(",")))
