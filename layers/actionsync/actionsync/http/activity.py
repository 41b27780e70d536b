"""What the functions that read or write the audit trail share."""

import hashlib
import json
import re
from functools import cache
from typing import TYPE_CHECKING, Annotated, Any

from aws_lambda_powertools.event_handler.depends import Depends

from actionsync import aws
from actionsync.audit.trail import ActivityStore
from actionsync.errors import FieldError, InvalidInputError
from actionsync.settings import settings

if TYPE_CHECKING:
    from collections.abc import Iterable

    from actionsync.audit.query import ActivityQuery
    from actionsync.stores.connections import Connection


_PLACE = re.compile(r"[1-9][0-9]{0,14}")


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


def page(user_id: str, asked: "ActivityQuery", activity: ActivityStore) -> dict[str, Any]:
    """Return `{items, next}` of a user's trail; `next` is the next page's cursor or None.

    Raises:
        InvalidInputError: the cursor is another user's, or of another filter.
    """
    search = [user_id, asked.outcome, asked.kind, asked.action]
    before = None
    if asked.cursor is not None:
        place, _, mark = asked.cursor.partition("-")
        if _PLACE.fullmatch(place):
            before = int(place)
        if before is None or mark != _mark(before, search):
            raise InvalidInputError(FieldError("cursor", "is not a cursor of this search"))
    filters = {
        name: value
        for name, value in (
            ("outcome", asked.outcome),
            ("kind", asked.kind),
            ("action", asked.action),
        )
        if value is not None
    }

    def wanted(record: dict[str, Any]) -> bool:
        return all(record.get(name) == value for name, value in filters.items())

    items, end = activity.page(user_id, asked.limit, before, wanted if filters else None)
    return {"items": items, "next": None if end is None else f"{end}-{_mark(end, search)}"}


def _mark(place: int, search: list[str | None]) -> str:
    """Return a mark that shows a cursor of another search. It guards no secret.

    Whoever forges one still reads nobody's records but their own: the user is the token's.
    """
    return hashlib.blake2s(json.dumps([place, search]).encode(), digest_size=8).hexdigest()


Activity = Annotated[ActivityStore, Depends(activity_store)]
