"""GET /api/servicenow/activity: the calling user's audit trail, newest first."""

from typing import Annotated

from aws_lambda_powertools.event_handler import Response

from actionsync.audit.query import ActivityQuery, export, page
from actionsync.http.api import PrefersCsv, csv, entrypoint, http_api, ok, query
from actionsync.wiring import stores
from actionsync.wiring.callers import ReadingMember

app = http_api()


@app.get("/api/servicenow/activity")
def get_activity(
    caller: ReadingMember,
    asked: Annotated[ActivityQuery, query(ActivityQuery)],
    prefers_csv: PrefersCsv,
) -> Response[str]:
    """Answer 200 with a page of the audit trail and where the next is, as JSON or CSV."""
    if asked.format == "csv" or (prefers_csv and asked.format is None):
        text, following = export(caller.owner, asked, stores.activity_store())
        return csv(text, "activity.csv", following)
    return ok(page(caller.owner, asked, stores.activity_store()))


lambda_handler = entrypoint(app)
