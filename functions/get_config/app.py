"""GET /api/servicenow/config: the calling user's ServiceNow connection, without its password."""

from aws_lambda_powertools.event_handler import Response

from actionsync.connections.service import find_connection
from actionsync.http.api import UserId, entrypoint, http_api, ok
from actionsync.wiring import stores

app = http_api()


@app.get("/api/servicenow/config")
def get_config(owner: UserId) -> Response[str]:
    """Answer 200 with the connection, or 404."""
    connection = find_connection(stores.connection_store(), owner)
    return ok(connection.document(), version=connection.version)


lambda_handler = entrypoint(app)
