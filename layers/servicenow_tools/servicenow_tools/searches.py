"""Queries for incidents and change requests, from the words people use for them."""

from servicenow_tools import words
from servicenow_tools.errors import InvalidRequestError
from servicenow_tools.query import Query, field
from servicenow_tools.references import REFERENCES, is_sys_id


def incident_query(
    *,
    state: str | int | None = None,
    assignment_group: str | None = None,
    assigned_to: str | None = None,
    short_description: str | None = None,
    **equal: str | int | None,
) -> Query:
    """Return the query for incidents that meet all filters that are not None.

    Args:
        state: a number, a state's name, or `open` for new, in progress and on hold.
        assignment_group: a group's name or sys_id.
        assigned_to: a user's user name or sys_id.
        short_description: a text that it contains.
        equal: further columns and the value each must have; a reference takes a sys_id, or what
            names its record (`caller_id="abel.tuter"`), and urgency and impact take words.

    Raises:
        InvalidRequestError: a filter's name or value cannot be part of a query.
    """
    return _query(
        "incident",
        short_description,
        {"state": state, "assignment_group": assignment_group, "assigned_to": assigned_to} | equal,
    )


def change_request_query(
    *,
    state: str | int | None = None,
    assignment_group: str | None = None,
    assigned_to: str | None = None,
    short_description: str | None = None,
    **equal: str | int | None,
) -> Query:
    """Return the query for change requests that meet all filters that are not None.

    Args:
        state: a number, a state's name, or `open` for all before closed and canceled.
        assignment_group: a group's name or sys_id.
        assigned_to: a user's user name or sys_id.
        short_description: a text that it contains.
        equal: as for incidents; type, risk and impact take words.

    Raises:
        InvalidRequestError: a filter's name or value cannot be part of a query.
    """
    return _query(
        "change_request",
        short_description,
        {"state": state, "assignment_group": assignment_group, "assigned_to": assigned_to} | equal,
    )


def _query(table: str, text: str | None, equal: dict[str, str | int | None]) -> Query:
    query = Query()
    for name, value in equal.items():
        if value is None:
            continue
        try:
            query &= _condition(table, name, value)
        except InvalidRequestError as error:
            raise InvalidRequestError(str(error), name) from None
    return query if text is None else query & field("short_description").contains(text)


def _condition(table: str, name: str, value: str | int) -> Query:
    if name == "state" and str(value).lower() == "open":
        return field(name).in_(words.OPEN_STATES[table])
    if name in REFERENCES and not is_sys_id(str(value)):
        # A reference compares by sys_id; through it, its record's own columns can be asked for.
        return field(f"{name}.{REFERENCES[name].columns[0]}").eq(value)
    return field(name).eq(words.code(table, name, value))
