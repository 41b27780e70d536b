"""GET /api/servicenow/health: how the calling user's connection and events fare."""

from aws_lambda_powertools.event_handler import Response

from actionsync.audit.health import health
from actionsync.http.activity import Activity
from actionsync.http.api import UserId, api, entrypoint, ok
from actionsync.http.config import Connections
from actionsync.http.cooldowns import Cooldowns

app = api()


@app.get("/api/servicenow/health")
def get_health(
    user_id: UserId, connections: Connections, cooldowns: Cooldowns, activity: Activity
) -> Response[str]:
    """Answer 200 with what works, what waits, what was put aside, and counts by day."""
    return ok(health(connections.get(user_id), user_id, cooldowns, activity))


lambda_handler = entrypoint(app)
