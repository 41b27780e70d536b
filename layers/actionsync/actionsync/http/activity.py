"""What the functions that read or write the audit trail share."""

from functools import cache
from typing import TYPE_CHECKING, Annotated, Any

from aws_lambda_powertools.event_handler.depends import Depends

from actionsync import aws
from actionsync.settings import settings
from actionsync.stores.activity import ActivityStore

if TYPE_CHECKING:
    from collections.abc import Iterable

    from actionsync.stores.connections import Connection


@cache
def activity_store() -> ActivityStore:
    """Return this process's way to the audit trail."""
    return ActivityStore(aws.dynamodb(), settings().audit_table, settings().audit_days)


def change(action: str, fields: "Iterable[str]" = ()) -> dict[str, Any]:
    """Return what the audit trail says of a change of settings before it is made."""
    return {"kind": "settings", "action": action, "fields": sorted(fields)}


def after(connection: "Connection") -> dict[str, str]:
    """Return what the audit trail keeps of a connection: where it leads, and as whom."""
    return {"instance_url": connection.instance_url, "username": connection.username}


Activity = Annotated[ActivityStore, Depends(activity_store)]
