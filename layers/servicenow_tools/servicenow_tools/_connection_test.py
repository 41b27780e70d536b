"""The stages of a connection test."""

from typing import TYPE_CHECKING

from servicenow_tools._responses import stored_text
from servicenow_tools.errors import (
    ConnectionFailedError,
    ConnectionLostError,
    HibernatingError,
    InvalidRequestError,
    RequestTimeoutError,
    ResponseError,
    ServiceNowError,
    UnavailableError,
    UnexpectedContentError,
)
from servicenow_tools.query import field
from servicenow_tools.records import Check, ConnectionReport

if TYPE_CHECKING:
    from servicenow_tools._http import Http

_STAGES = (
    "reachable",
    "signed_in",
    "read_incidents",
    "write_incidents",
    "write_change_requests",
)
_WRITERS = {
    "write_incidents": {"admin", "itil", "sn_incident_write"},
    "write_change_requests": {"admin", "itil", "sn_change_write", "change_manager"},
}
_NOT_REACHED = (
    ConnectionFailedError,
    RequestTimeoutError,
    ConnectionLostError,
    UnexpectedContentError,
    UnavailableError,
    HibernatingError,
)


async def check_connection(http: "Http", username: str | None) -> ConnectionReport:
    """Try each stage, and skip what follows one without which nothing works."""
    checks: list[Check] = []
    me = None
    try:
        me = await signed_in_as(http, username)
    except _NOT_REACHED as error:
        checks.append(_failed("reachable", error))
    except InvalidRequestError as error:
        checks += [
            Check("reachable", "unknown", "Not tried: the connection's own settings are wrong."),
            Check("signed_in", "failed", f"{error}."),
        ]
    except ServiceNowError as error:
        checks += [
            _passed("reachable", f"{http.instance_url} answers."),
            _failed("signed_in", error),
        ]
    else:
        checks.append(_passed("reachable", f"{http.instance_url} answers."))
        if me is None:
            text = "ServiceNow answered, but not with the user who signs in. Check the user name."
            checks.append(Check("signed_in", "failed", text))
        else:
            checks.append(_passed("signed_in", f"Signed in as {me}."))
            checks.append(await _may_read(http))
            checks += await _may_write(http, me)
    done = {check.name for check in checks}
    checks += [
        Check(name, "skipped", "Not tried: an earlier stage failed.")
        for name in _STAGES
        if name not in done
    ]
    failed = [check for check in checks if check.status == "failed"]
    unknown = [check.name.replace("_", " ") for check in checks if check.status == "unknown"]
    message = "The connection works."
    if failed:
        message = failed[0].message
    elif unknown:
        message = f"Signed in. What could not be checked: {', '.join(unknown)}."
    return ConnectionReport(not failed, message, http.instance_url, checks)


async def signed_in_as(http: "Http", username: str | None) -> str | None:
    """Return the user name of who is signed in, or None where ServiceNow shows another row.

    A query that ServiceNow ignores would return somebody else, so the row counts only if it is
    our own.
    """
    query = "sys_id=javascript:gs.getUserID()"
    if username is not None:
        query = field("user_name").eq(username).encode()
    rows = await http.find("sys_user", query, limit=1, fields=["user_name"])
    found = stored_text(rows[0].get("user_name")) if len(rows) == 1 else ""
    if username is not None and found.lower() != username.lower():
        return None
    return found or None


async def _may_read(http: "Http") -> Check:
    try:
        rows = await http.find("incident", "", limit=1, fields=["sys_id"])
    except ServiceNowError as error:
        return _failed("read_incidents", error)
    if rows:
        return _passed("read_incidents", "Incidents can be read.")
    text = "No incident can be seen: there is none, or the role sn_incident_read is missing."
    return Check("read_incidents", "unknown", text)


async def _may_write(http: "Http", me: str) -> list[Check]:
    """Judge by the user's roles: nothing but a write would prove it."""
    try:
        query = field("user.user_name").eq(me) & field("state").eq("active")
        rows = await http.find(
            "sys_user_has_role", query.encode(), limit=1000, fields=["user.user_name", "role.name"]
        )
    except ServiceNowError:
        rows = []
    roles = {
        stored_text(row.get("role.name"))
        for row in rows
        if str(row.get("user.user_name")).lower() == me.lower()
    }
    checks = []
    for name, enough in _WRITERS.items():
        what = "Incidents" if name == "write_incidents" else "Change requests"
        if roles & enough:
            checks.append(_passed(name, f"{what} can be written."))
        elif roles:
            text = f"{what} cannot be written: a role is missing, as {_least(name)} or itil."
            checks.append(Check(name, "failed", text))
        else:
            text = f"The user's roles cannot be read. To write, {_least(name)} or itil is needed."
            checks.append(Check(name, "unknown", text))
    return checks


def _least(stage: str) -> str:
    return "sn_incident_write" if stage == "write_incidents" else "sn_change_write"


def _passed(name: str, message: str) -> Check:
    return Check(name, "passed", message)


def _failed(name: str, error: ServiceNowError) -> Check:
    said = None
    if isinstance(error, ResponseError):
        said = {"status": error.status, "message": error.message, "detail": error.detail}
    return Check(name, "failed", str(error), said)
