"""GET /api/servicenow/config: the calling user's ServiceNow connection, without its password."""

from aws_lambda_powertools.event_handler import Response

from actionsync.connections.service import find_connection
from actionsync.http.api import UserId, api, entrypoint, ok
from actionsync.http.config import Connections, view

app = api()


@app.get("/api/servicenow/config")
def get_config(user_id: UserId, connections: Connections) -> Response[str]:
    """Answer 200 with the connection, or 404."""
    connection = find_connection(connections, user_id)
    return ok(view(connection), version=connection.version)


lambda_handler = entrypoint(app)
