"""What may be asked of the audit trail."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field


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
