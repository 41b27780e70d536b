"""PUT /api/servicenow/config: change the calling user's ServiceNow connection."""

from typing import Annotated

from aws_lambda_powertools.event_handler import Response

from actionsync.connections.models import ConnectionChange
from actionsync.connections.service import change_connection
from actionsync.http.activity import Activity, after, change
from actionsync.http.api import ExpectedVersion, api, entrypoint, json_body, ok
from actionsync.http.config import Connections, Secrets, view
from actionsync.http.writers import WriterId

app = api()


@app.put("/api/servicenow/config")
def update_config(  # noqa: PLR0917 - each is a part of the request
    user_id: WriterId,
    wanted: Annotated[ConnectionChange, json_body(ConnectionChange)],
    expected_version: ExpectedVersion,
    connections: Connections,
    secrets: Secrets,
    activity: Activity,
) -> Response[str]:
    """Answer 200 with the changed connection, 404, or 412 where If-Match names an older one."""
    with activity.around(user_id, change("connection_changed", wanted.model_fields_set)) as record:
        connection = change_connection(connections, secrets, user_id, wanted, expected_version)
        record["after"] = after(connection)
    return ok(view(connection), version=connection.version)


lambda_handler = entrypoint(app)
