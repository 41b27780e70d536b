"""The assignment group that a ticket's CI names, asked of the instance once in ten minutes."""

from time import monotonic
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from actionsync.events.models import SYS_ID
from actionsync.rules.models import SUPPORT_GROUP
from servicenow_tools.errors import NotFoundError, PermissionDeniedError

if TYPE_CHECKING:
    from servicenow_tools import Record, ServiceNowClient

_FRESH_SECONDS = 600.0
_MOST_GROUPS = 1000
# What each client has seen: of one instance, another integration account may see more, or less.
_known: "WeakKeyDictionary[ServiceNowClient, dict[str, tuple[float, str, str]]]" = (
    WeakKeyDictionary()
)


async def with_support_group(
    client: "ServiceNowClient", columns: dict[str, Any], otherwise: str | None
) -> tuple[dict[str, Any], str]:
    """Return columns with the support group of their CI, and why it is another one, or empty.

    Args:
        client: the ServiceNow client.
        columns: a ticket's columns.
        otherwise: the group where the CI names none that is active; None for none.

    Raises:
        ServiceNowError: the instance could not be asked.
    """
    if columns.get("assignment_group") != SUPPORT_GROUP:
        return columns, ""
    group, reason = await _group_of(client, str(columns.get("cmdb_ci") or ""))
    if not group and otherwise is not None and otherwise != SUPPORT_GROUP:
        group = otherwise
    others = {name: value for name, value in columns.items() if name != "assignment_group"}
    if reason:
        reason = f"assignment_group: {reason}; {f'{group} took its place' if group else 'none'}"
    return ({**others, "assignment_group": group} if group else others), reason


async def _group_of(client: "ServiceNowClient", ci: str) -> tuple[str, str]:
    if not ci:
        return "", "support_group_of_ci of a ticket without cmdb_ci"
    known = _known.setdefault(client, {})
    asked_at, group, reason = known.get(ci, (float("-inf"), "", ""))
    if monotonic() - asked_at > _FRESH_SECONDS:
        group, reason = await _ask(client, ci)
        if len(known) >= _MOST_GROUPS:
            known.clear()
        known[ci] = (monotonic(), group, reason)
    return group, reason


async def _ask(client: "ServiceNowClient", ci: str) -> tuple[str, str]:
    item = await _seen(client, "cmdb_ci", ci)
    if item is None:
        return "", f"there is no CI {ci[:100]}, or it is hidden"
    named = str(item.get("support_group") or "")
    if not named:
        return "", f"the CI {ci[:100]} has no support group, or it is hidden"
    group = await _seen(client, "sys_user_group", named)
    if group is None or str(group.get("active")) == "false":
        return "", f"the support group of the CI {ci[:100]} is inactive or hidden"
    return named, ""


async def _seen(client: "ServiceNowClient", table: str, id: str) -> "Record | None":  # noqa: A002
    """Return the only record of a sys_id or name, None where there is none to be seen."""
    try:
        if SYS_ID.fullmatch(id):
            return await client.table(table).get(id)
        found = await client.table(table).search(name=id, limit=2)
    except (NotFoundError, PermissionDeniedError) as error:
        if error.message is None:  # a gateway's page
            raise
        return None
    return found[0] if len(found) == 1 else None
