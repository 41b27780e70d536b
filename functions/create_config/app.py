"""POST /api/servicenow/config: store the calling user's ServiceNow connection."""

from typing import Annotated

from aws_lambda_powertools.event_handler import Response

from actionsync.audit.trail import settings_change
from actionsync.connections.models import NewConnection
from actionsync.connections.service import create_connection
from actionsync.http.api import created, entrypoint, http_api, json_body
from actionsync.wiring import stores
from actionsync.wiring.callers import RateLimitedUserId, limit_sign_ins

app = http_api()


@app.post("/api/servicenow/config")
def create_config(
    owner: RateLimitedUserId, new: Annotated[NewConnection, json_body(NewConnection)]
) -> Response[str]:
    """Answer 201 with the connection, or 409 where one is stored."""
    limit_sign_ins(owner)
    planned = settings_change("connection_created", new.model_fields_set)
    with stores.activity_store().around(owner, planned) as record:
        connection = create_connection(stores.connection_store(), stores.secret_store(), owner, new)
        record["after"] = connection.audited()
    return created(connection.document(), version=connection.version)


lambda_handler = entrypoint(app)
