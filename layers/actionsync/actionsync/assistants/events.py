"""Tools for what became of an owner's events."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field

from actionsync.audit import query
from actionsync.audit.query import ActivityQuery
from actionsync.events import unfinished
from actionsync.events.gates import requests
from actionsync.events.gates.requests import GateQuery
from actionsync.events.unfinished import UnfinishedQuery
from servicenow_tools.mcp.tools import Answer, Arguments, Cursor, Limit, Tool

if TYPE_CHECKING:
    from actionsync.audit.trail import ActivityStore
    from actionsync.stores.gates import GateStore
    from actionsync.stores.recent import RecentEvents
    from actionsync.stores.waiting import WaitingStore

_SHOWN = ("at", "source", "kind", "name", "outcome", "ticket", "detail", "delivery")

Name = Annotated[str | None, Field(max_length=200)]
Moment = Annotated[
    str | None, Field(max_length=40, description="A day or a moment, as 2024-01-10T10:00:00Z.")
]


class FindEvents(Arguments):
    """Which events to find."""

    name: Annotated[Name, Field(description="A text that the event's name contains.")] = None
    source: Annotated[Name, Field(description="Who sent it, as cloudwatch or github.")] = None
    outcome: Annotated[
        Name, Field(description="As created, noted, resolved, waiting, failed, ignored, dropped.")
    ] = None
    ticket: Annotated[Name, Field(description="The number of the ticket that it concerns.")] = None
    limit: Limit = 10
    cursor: Cursor = None


class ListUnfinished(Arguments):
    """Which unfinished events to list."""

    state: Literal["waiting", "failed"] | None = None
    limit: Limit = 10
    cursor: Cursor = None


class ListActivity(Arguments):
    """Which part of the audit trail to read."""

    outcome: Literal["done", "failed", "unknown", "started"] | None = None
    action: Annotated[Name, Field(description="As created, noted, resolved, closed, failed.")] = (
        None
    )
    since: Moment = None
    until: Moment = None
    limit: Limit = 10
    cursor: Cursor = None


class ListGates(Arguments):
    """Which gates to list."""

    state: Annotated[
        Literal["waiting"] | None, Field(description="Left out: also those that are decided.")
    ] = "waiting"
    limit: Limit = 10
    cursor: Cursor = None


class EventTools:
    """What an assistant reads of the events of the caller, or of a team of theirs.

    Args:
        owner_of: returns whose events a connection's name means, and counts a read; raises where
            the caller is not in the team, or has asked too often.
        recent: the newest events.
        waiting: what waits and what has failed.
        activity: the audit trail.
        gates: what deployments wait at.
    """

    def __init__(
        self,
        owner_of: Callable[[str], str],
        *,
        recent: "RecentEvents",
        waiting: "WaitingStore",
        activity: "ActivityStore",
        gates: "GateStore",
    ) -> None:
        self._owner_of = owner_of
        self._recent = recent
        self._waiting = waiting
        self._activity = activity
        self._gates = gates

    def tools(self) -> list[Tool]:
        """Return the tools."""
        return [
            Tool(
                "find_events",
                "What became of events",
                "Find the newest events of seven days, and what became of each: the ticket that "
                "it opened, noted or resolved, or why there is none.",
                FindEvents,
                self.find,
            ),
            Tool(
                "list_unfinished_events",
                "Events that wait or have failed",
                "List the events that wait to be tried again or have failed, each with the reason "
                "in ServiceNow's own words.",
                ListUnfinished,
                self.unfinished,
            ),
            Tool(
                "list_activity",
                "What was written to ServiceNow",
                "Read the audit trail, newest first: what was written to which ticket, for what, "
                "and whether it worked.",
                ListActivity,
                self.activity,
            ),
            Tool(
                "list_gates",
                "Deployments that wait",
                "List the deployments that wait at a gate for their change request, and for what.",
                ListGates,
                self.gates,
            ),
        ]

    async def find(self, asked: FindEvents) -> Answer:
        """Find events among the newest."""
        owner = self._owner_of(asked.connection)
        wanted = [
            {name: entry[name] for name in _SHOWN if entry.get(name)}
            for entry in self._recent.read(owner)
            if _fits(asked, entry) and (asked.cursor is None or str(entry["at"]) < asked.cursor)
        ]
        found = wanted[: asked.limit]
        return Answer({"events": found}, str(found[-1]["at"]) if len(wanted) > len(found) else None)

    async def unfinished(self, asked: ListUnfinished) -> Answer:
        """List what waits and what has failed."""
        owner = self._owner_of(asked.connection)
        wanted = asked.model_dump(exclude={"connection"}, exclude_none=True)
        page = unfinished.page(owner, UnfinishedQuery(**wanted), self._waiting)
        return Answer({"events": page["items"]}, page["next"])

    async def activity(self, asked: ListActivity) -> Answer:
        """Read the audit trail."""
        owner = self._owner_of(asked.connection)
        wanted = asked.model_dump(exclude={"connection"}, exclude_none=True)
        page = query.page(owner, ActivityQuery(**wanted), self._activity)
        return Answer({"records": page["items"]}, page["next"])

    async def gates(self, asked: ListGates) -> Answer:
        """List what waits at a gate."""
        owner = self._owner_of(asked.connection)
        wanted = asked.model_dump(exclude={"connection"}, exclude_none=True)
        page = requests.page(owner, GateQuery(**wanted), self._gates, host="")
        gates = [{name: gate[name] for name in gate if name != "url"} for gate in page["items"]]
        return Answer({"gates": gates}, page["next"])


def _fits(asked: FindEvents, entry: dict[str, Any]) -> bool:
    ticket = entry.get("ticket") or {}
    return (
        (asked.name or "").lower() in str(entry.get("name", "")).lower()
        and asked.source in {None, entry.get("source")}
        and (asked.outcome or "") in str(entry.get("outcome", ""))
        and asked.ticket in {None, ticket.get("number")}
    )
