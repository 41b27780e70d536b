"""Questions to the audit trail, and the pages of records that answer them."""

import hashlib
import json
import re
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from actionsync.errors import FieldError, InvalidInputError

if TYPE_CHECKING:
    from actionsync.audit.trail import ActivityStore

_PLACE = re.compile(r"[1-9][0-9]{0,14}")


class ActivityQuery(BaseModel):
    """Which part of the audit trail to read, newest first."""

    model_config = ConfigDict(extra="forbid")

    limit: Annotated[int, Field(ge=1, le=100)] = 20
    cursor: Annotated[
        str | None,
        Field(
            max_length=200,
            description="`next` of the page before, with the same filters.",
        ),
    ] = None
    outcome: Annotated[
        Literal["done", "failed", "unknown", "started"] | None,
        Field(description="unknown: it may have taken effect; started: nobody knows yet."),
    ] = None
    kind: Annotated[
        Literal["error", "alarm", "deployment", "meeting", "api", "settings"] | None,
        Field(description="What asked for it: a kind of event, a call, a change of settings."),
    ] = None
    action: Annotated[
        Annotated[str, Field(pattern=r"^[a-z_]{1,40}$")] | None,
        Field(description="What was done: created, noted, reopened, resolved, closed, failed, ..."),
    ] = None


def page(owner: str, asked: ActivityQuery, activity: "ActivityStore") -> dict[str, Any]:
    """Return `{items, next}` of an owner's trail; `next` is the next page's cursor or None.

    Raises:
        InvalidInputError: the cursor is another owner's, or of another filter.
    """
    search = [owner, asked.outcome, asked.kind, asked.action]
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

    items, end = activity.page(owner, asked.limit, before, wanted if filters else None)
    return {"items": items, "next": None if end is None else f"{end}-{_mark(end, search)}"}


def _mark(place: int, search: list[str | None]) -> str:
    """Return a mark that shows a cursor of another search. It guards no secret.

    Whoever forges one still reads only their own records: the owner is the token's.
    """
    return hashlib.blake2s(json.dumps([place, search]).encode(), digest_size=8).hexdigest()
