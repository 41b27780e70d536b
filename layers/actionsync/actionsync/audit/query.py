"""Questions to the audit trail, and the pages of records that answer them."""

from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from actionsync.stores.pages import cursor_of, place_of

if TYPE_CHECKING:
    from actionsync.audit.trail import ActivityStore


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
        Literal["incident", "change", "action_item", "api", "settings"] | None,
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
    filters = asked.model_dump(include={"outcome", "kind", "action"}, exclude_none=True)

    def wanted(record: dict[str, Any]) -> bool:
        return all(record.get(name) == value for name, value in filters.items())

    search = [owner, filters]
    before = None if asked.cursor is None else place_of(asked.cursor, search)
    items, end = activity.page(owner, asked.limit, before, wanted if filters else None)
    return {"items": items, "next": None if end is None else cursor_of(end, search)}
