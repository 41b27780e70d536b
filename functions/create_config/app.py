"""POST /api/servicenow/config: store the calling user's ServiceNow connection."""

from typing import Annotated

from aws_lambda_powertools.event_handler import Response

from actionsync.connections.models import NewConnection
from actionsync.connections.service import create_connection
from actionsync.http.activity import Activity, after, change
from actionsync.http.api import api, created, entrypoint, json_body
from actionsync.http.config import Connections, Secrets, view
from actionsync.http.writers import WriterId

app = api()


@app.post("/api/servicenow/config")
def create_config(
    user_id: WriterId,
    new: Annotated[NewConnection, json_body(NewConnection)],
    connections: Connections,
    secrets: Secrets,
    activity: Activity,
) -> Response[str]:
    """Answer 201 with the connection, or 409 where one is stored."""
    with activity.around(user_id, change("connection_created", new.model_fields_set)) as record:
        connection = create_connection(connections, secrets, user_id, new)
        record["after"] = after(connection)
    return created(view(connection), version=connection.version)


lambda_handler = entrypoint(app)
