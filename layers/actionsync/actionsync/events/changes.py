"""What changed of late: the deployments that a ticket names."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from actionsync import clock
from actionsync.events.models import digest
from actionsync.stores.deployed import MOST_NAMED, Deployed

if TYPE_CHECKING:
    from collections.abc import Iterable

    from actionsync.events.models import IncomingEvent
    from actionsync.stores.correlations import Correlation
    from actionsync.stores.deployed import DeployedStore
    from actionsync.stores.windows import Window


def note(store: "DeployedStore", event: "IncomingEvent", known: "Correlation", number: str) -> None:
    """Record a deployment whose change was opened, or that has ended."""
    began = event.moment
    if known.triggered_at:
        began = datetime.fromtimestamp(known.triggered_at // 1_000_000, UTC)
    version = event.texts.get("version") or known.texts.get("version", "")
    title = f"{event.name} {version}".strip()[:200]
    deployed = Deployed(number, title, event.environment, known.outcome, clock.iso(began))
    store.note(_key(event.owner, event.name), event.owner, began, deployed)


def recent(store: "DeployedStore", event: "IncomingEvent") -> list[str]:
    """Return what was deployed of an event's service in the last two hours, in lines for people.

    What went to another environment is left out, where both are known.
    """
    names = dict.fromkeys(name.casefold() for name in (event.service, event.name) if name)
    found = [one for name in names for one in store.recent(_key(event.owner, name))]
    return [_line(one) for one in _touching(found, event.environment)][:MOST_NAMED]


def deployments(
    store: "DeployedStore", owner: str, application: str, environment: str = ""
) -> "list[Deployed]":
    """Return what was deployed of an application in the last two hours, the newest first."""
    return _touching(store.recent(_key(owner, application)), environment)[:MOST_NAMED]


def planned(windows: "Iterable[Window]") -> list[str]:
    """Return the changes that are under way, in lines for people."""
    ends = ((one, datetime.fromtimestamp(one.end, UTC)) for one in windows)
    lines = [f"{one.number}: {one.title}, planned until {clock.iso(end)}" for one, end in ends]
    return lines[:MOST_NAMED]


def described(description: str, lines: "Iterable[str]") -> str:
    """Return a description with what changed."""
    listed = "\n".join(f"- {line}" for line in lines)
    return f"{description.rstrip()}\n\nWhat changed in the last two hours:\n{listed}\n"


def _touching(found: "Iterable[Deployed]", environment: str) -> "list[Deployed]":
    return [
        one
        for one in found
        if not environment
        or not one.environment
        or one.environment.casefold() == environment.casefold()
    ]


def _line(one: "Deployed") -> str:
    where = f" to {one.environment}" if one.environment else ""
    outcome = f", {one.outcome}" if one.outcome else ""
    return f"{one.number}: {one.title}{where} at {one.at}{outcome}"


def _key(owner: str, application: str) -> str:
    return digest(owner, "deployed", application.casefold())
