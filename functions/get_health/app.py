"""GET /api/servicenow/health: whether the calling user's connection and events work."""

from aws_lambda_powertools.event_handler import Response

from actionsync.audit.health import health
from actionsync.http.api import entrypoint, http_api, ok
from actionsync.wiring import stores
from actionsync.wiring.callers import ConnectionMember

app = http_api()


@app.get("/api/servicenow/health")
def get_health(caller: ConnectionMember) -> Response[str]:
    """Answer 200 with what works, what waits, what has failed, and counts by day."""
    connection = stores.connection_store().get(caller.owner, caller.connection)
    pauses, waiting = stores.pause_store(), stores.waiting_store()
    return ok(health(connection, caller.owner, pauses, waiting, stores.activity_store()))


lambda_handler = entrypoint(app)
