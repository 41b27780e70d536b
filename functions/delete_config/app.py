"""DELETE /api/servicenow/config: remove the calling user's ServiceNow connection and password."""

from aws_lambda_powertools.event_handler import Response

from actionsync.audit.trail import settings_change
from actionsync.connections.service import delete_connection
from actionsync.http.api import entrypoint, http_api, no_content
from actionsync.wiring import stores
from actionsync.wiring.callers import RateLimitedUserId

app = http_api()


@app.delete("/api/servicenow/config")
def delete_config(owner: RateLimitedUserId) -> Response[str]:
    """Answer 204, or 404 where there is none."""
    with stores.activity_store().around(owner, settings_change("connection_deleted")):
        delete_connection(stores.connection_store(), stores.secret_store(), owner)
    return no_content()


lambda_handler = entrypoint(app)
