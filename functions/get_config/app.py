"""A ServiceNow connection without its secrets: the calling user's default one, or by name."""

from aws_lambda_powertools.event_handler import Response

from actionsync.connections.service import find_connection
from actionsync.http.api import entrypoint, http_api, ok
from actionsync.http.callers import UserId
from actionsync.wiring import stores
from actionsync.wiring.callers import Member

app = http_api()


@app.get("/api/servicenow/config")
def get_config(owner: UserId) -> Response[str]:
    """Answer 200 with the connection, or 404."""
    connection = find_connection(stores.connection_store(), owner)
    return ok(connection.document(), version=connection.version)


@app.get("/api/servicenow/connections/<name>")
def get_connection(name: str, caller: Member) -> Response[str]:
    """Answer 200 with the connection, or 404."""
    connection = find_connection(stores.connection_store(), caller.owner, name)
    return ok(connection.document(), version=connection.version)


lambda_handler = entrypoint(app)
