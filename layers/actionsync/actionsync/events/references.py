"""What rules name and an instance does not have: groups, people, items, columns, values."""

import asyncio
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field

from actionsync.errors import ActionSyncError, ConnectionNotFoundError
from actionsync.rules.models import SUPPORT_GROUP, DeploymentRule, Rules, Then, TicketRule
from actionsync.rules.sections import Section
from actionsync.stores.connections import DEFAULT
from servicenow_tools import field
from servicenow_tools.errors import InvalidRequestError, ServiceNowError

if TYPE_CHECKING:
    from actionsync.connections.clients import ClientCache
    from servicenow_tools import Table

# What is not looked at in so many seconds is reported as such.
_SECONDS = 18.0
# Any: what is set in a record that is there makes no other column mandatory.
_SOME_RECORD = "0" * 32


class RulesToCheck(Section):
    """Rules to check before they are saved."""

    rules: Rules
    ask_instance: Annotated[
        bool, Field(description="Whether the instance is asked for what they name.")
    ] = True


@dataclass(frozen=True, slots=True)
class _Named:
    """A column that rules set.

    Attributes:
        place: where in the document.
        connection: the connection whose instance has it.
        table: the table.
        column: the column; empty where the connection itself is named.
        value: its value.
    """

    place: str
    connection: str
    table: str
    column: str
    value: Any


async def check_rules(owner: str, asked: RulesToCheck, clients: "ClientCache") -> dict[str, Any]:
    """Return `{rules, problems, unchecked}`; nothing is written.

    `rules` are the rules whole, with every default; `problems` what the instance objects to, and
    `unchecked` what it could not be asked about and why, each as `{field, message}`.
    """
    problems: list[dict[str, str]] = []
    unchecked: list[dict[str, str]] = []
    if asked.ask_instance:
        ends_at = time.monotonic() + _SECONDS
        known: dict[tuple[str, str, str, str], list[str] | str] = {}
        for named in _named(asked.rules):
            key = (named.connection, named.table, named.column, str(named.value))
            if key not in known:
                known[key] = await _messages(owner, named, clients, ends_at)
            found = known[key]
            if isinstance(found, str):
                unchecked.append({"field": named.place, "message": found})
                continue
            problems += [{"field": named.place, "message": text} for text in found]
    document = asked.rules.model_dump(mode="json")
    return {"rules": document, "problems": problems, "unchecked": unchecked}


async def _messages(
    owner: str, named: _Named, clients: "ClientCache", ends_at: float
) -> list[str] | str:
    """Return what an instance objects to, or why it could not be asked."""
    try:
        async with (
            asyncio.timeout(max(0.0, ends_at - time.monotonic())),
            clients.client_for(owner, named.table, named.connection) as client,
        ):
            return await _objections(client.table(named.table), named)
    except TimeoutError:
        return "There was no time left to look at it."
    except InvalidRequestError as error:
        return [error.reason]
    except ConnectionNotFoundError as error:
        return str(error) if named.column else [str(error)]
    except (ActionSyncError, ServiceNowError) as error:
        return str(error)


async def _objections(table: "Table", named: _Named) -> list[str]:
    if not named.column:
        return []
    await refuse_missing(table, named.column)
    if isinstance(named.value, str) and "{{" in named.value:
        return []
    found = await table.preview({named.column: named.value}, id=_SOME_RECORD)
    return [problem.message for problem in found.problems]


async def refuse_missing(table: "Table", column: str) -> None:
    """Refuse a column that a table lacks, as the instance does also where its dictionary is hidden.

    Raises:
        InvalidRequestError: the table lacks it; `reason` says so.
    """
    await table.page(field(column).is_empty(), limit=1, fields=["sys_id"])


def _named(rules: Rules) -> Iterator[_Named]:
    """Yield what rules set in tickets of an instance's tables."""
    sections: dict[str, TicketRule] = {
        "errors": rules.errors, "alarms": rules.alarms, "deployments": rules.deployments,
        "meetings": rules.meetings,
        **{f"sources.{name}": rule for name, rule in rules.sources.items()},
    }  # fmt: skip
    for name, fallback in sections.items():
        is_change = isinstance(fallback, DeploymentRule)
        table = "change_request" if is_change else getattr(fallback, "ticket", "incident")
        parts = {
            "": {"assignment_group": fallback.assignment_group, "category": fallback.category},
            ".fields": fallback.fields,
            ".closing_fields": fallback.closing_fields,
            ".reopening_fields": fallback.reopening_fields,
        }
        if fallback.connection:
            yield _Named(f"{name}.connection", fallback.connection, table, "", "")
        for part, columns in parts.items():
            yield from _of(f"{name}{part}", fallback.connection or DEFAULT, table, columns)
    for place, rule in enumerate(rules.rules):
        then = rule.then
        if not isinstance(then, Then):
            continue
        is_change = rule.match.kind == ["change"]
        table = then.ticket or ("change_request" if is_change else "incident")
        parts = {
            "": {
                name: getattr(then, name)
                for name in ("assignment_group", "category", "cmdb_ci", "business_service")
            },
            ".columns": then.columns,
            ".closing_columns": then.closing_columns,
            ".reopening_columns": then.reopening_columns,
        }
        if then.connection:
            yield _Named(f"rules.{place}.then.connection", then.connection, table, "", "")
        for part, columns in parts.items():
            where = f"rules.{place}.then{part}"
            yield from _of(where, then.connection or DEFAULT, table, columns)


def _of(place: str, connection: str, table: str, columns: dict[str, Any]) -> Iterator[_Named]:
    if ":" in table or table == "em_event":
        return  # a transform, or Event Management, says what its columns mean
    for column, value in columns.items():
        if value not in {None, "", SUPPORT_GROUP}:
            yield _Named(f"{place}.{column}", connection, table, column, value)
