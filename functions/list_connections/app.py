"""GET /api/servicenow/connections: an owner's ServiceNow connections, without their secrets."""

from aws_lambda_powertools.event_handler import Response

from actionsync.http.api import entrypoint, http_api, ok
from actionsync.http.callers import OwnerCaller
from actionsync.wiring import stores
from actionsync.wiring.callers import acting, teams_of

app = http_api()


@app.get("/api/servicenow/connections")
def list_connections(caller: OwnerCaller) -> Response[str]:
    """Answer 200 with the connections, by name, and the teams that the caller is in."""
    connections = stores.connection_store().all(acting(caller).owner)
    return ok(
        {
            "connections": [connection.document() for connection in connections],
            "teams": teams_of(caller),
        }
    )


lambda_handler = entrypoint(app)
