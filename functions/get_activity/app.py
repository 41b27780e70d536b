"""GET /api/servicenow/activity: the calling user's audit trail, newest first."""

from typing import Annotated

from aws_lambda_powertools.event_handler import Response

from actionsync.audit.query import ActivityQuery
from actionsync.http.activity import Activity, page
from actionsync.http.api import UserId, api, entrypoint, ok, query

app = api()


@app.get("/api/servicenow/activity")
def get_activity(
    user_id: UserId, asked: Annotated[ActivityQuery, query(ActivityQuery)], activity: Activity
) -> Response[str]:
    """Answer 200 with a page of the audit trail and the cursor of the next."""
    return ok(page(user_id, asked, activity))


lambda_handler = entrypoint(app)
