"""Questions to the audit trail, and the pages of records that answer them."""

import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any, Literal
from urllib.parse import urlencode

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from actionsync.audit.export import as_csv
from actionsync.stores.pages import cursor_of, place_of

if TYPE_CHECKING:
    from actionsync.audit.trail import ActivityStore


# Of a page in CSV.
_LINES = 1000
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
        moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        return moment.astimezone(UTC)
    except (ValueError, OverflowError):
        raise ValueError(
            "must be a day or a moment, as 2024-01-10 or 2024-01-10T10:00:00Z"
        ) from None


def _place(moment: datetime) -> str:
    return moment.replace(tzinfo=None).isoformat(timespec="microseconds")


def _since(text: str) -> str:
    return _place(_moment(text))


def _until(text: str) -> str:
    moment = _moment(text)
    try:
        return _place(moment + timedelta(days=1) if _DAY.fullmatch(text) else moment)
    except OverflowError:
        return _place(moment)


class ActivityQuery(BaseModel):
    """Which part of the audit trail to read, newest first."""

    model_config = ConfigDict(extra="forbid")

    limit: Annotated[int, Field(ge=1, le=100, description="As CSV 1,000 where left out.")] = 20
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
        Literal["incident", "change", "action_item", "api", "settings", "servicenow"] | None,
        Field(
            description="What asked for it: a kind of event, a call, a change of settings; "
            "servicenow: somebody there did it."
        ),
    ] = None
    action: Annotated[
        Annotated[str, Field(pattern=r"^[a-z_]{1,40}$")] | None,
        Field(description="What was done: created, noted, reopened, resolved, closed, failed, ..."),
    ] = None
    since: Annotated[
        Annotated[str, Field(max_length=40), AfterValidator(_since)] | None,
        Field(description="From this day or moment on; UTC where it has no offset."),
    ] = None
    until: Annotated[
        Annotated[str, Field(max_length=40), AfterValidator(_until)] | None,
        Field(description="Until this day, which counts, or before this moment."),
    ] = None
    format: Annotated[
        Literal["json", "csv"] | None,
        Field(description="csv: for auditors, as with `Accept: text/csv`."),
    ] = None


def page(owner: str, asked: ActivityQuery, activity: "ActivityStore") -> dict[str, Any]:
    """Return `{items, next}` of an owner's trail; `next` is the next page's cursor or None.

    Raises:
        InvalidInputError: the cursor is another owner's, or of another filter.
    """
    items, after = _read(owner, asked, activity, asked.limit)
    return {"items": items, "next": after}


def export(owner: str, asked: ActivityQuery, activity: "ActivityStore") -> tuple[str, str | None]:
    """Return a page of an owner's trail as CSV, and the query string of the next one, if any.

    Raises:
        InvalidInputError: the cursor is another owner's, or of another filter.
    """
    limit = asked.limit if "limit" in asked.model_fields_set else _LINES
    items, after = _read(owner, asked, activity, limit)
    text = as_csv(owner, items)
    if after is None:
        return text, None
    said = asked.model_dump(exclude_none=True, exclude_unset=True) | {
        "format": "csv",
        "cursor": after,
    }
    moments = {name: f"{said[name]}Z" for name in ("since", "until") if name in said}
    return text, urlencode(said | moments)


def _read(
    owner: str, asked: ActivityQuery, activity: "ActivityStore", limit: int
) -> tuple[list[dict[str, Any]], str | None]:
    filters = asked.model_dump(
        include={"outcome", "kind", "action", "since", "until"}, exclude_none=True
    )
    fields = {name: filters[name] for name in ("outcome", "kind", "action") if name in filters}

    def wanted(record: dict[str, Any]) -> bool:
        return all(record.get(name) == value for name, value in fields.items())

    search = [owner, filters]
    before = asked.until if asked.cursor is None else place_of(asked.cursor, search)
    items, end = activity.page(
        owner, limit, before, wanted if fields else None, since=asked.since or ""
    )
    return items, None if end is None else cursor_of(end, search)
