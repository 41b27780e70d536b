"""DELETE /api/servicenow/config: remove the calling user's ServiceNow connection and password."""

from aws_lambda_powertools.event_handler import Response

from actionsync.connections.service import delete_connection
from actionsync.http.activity import Activity, change
from actionsync.http.api import api, entrypoint, no_content
from actionsync.http.config import Connections, Secrets
from actionsync.http.writers import WriterId

app = api()


@app.delete("/api/servicenow/config")
def delete_config(
    user_id: WriterId, connections: Connections, secrets: Secrets, activity: Activity
) -> Response[str]:
    """Answer 204, or 404 where there is none."""
    with activity.around(user_id, change("connection_deleted")):
        delete_connection(connections, secrets, user_id)
    return no_content()


lambda_handler = entrypoint(app)
