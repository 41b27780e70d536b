"""Change a ServiceNow connection: the calling user's default one, or by name."""

from typing import Annotated

from aws_lambda_powertools.event_handler import Response

from actionsync.connections.models import ConnectionChange, PendingQuery
from actionsync.http.api import ExpectedVersion, entrypoint, http_api, json_body, ok, query
from actionsync.wiring import connections
from actionsync.wiring.callers import Editor, Oneself

app = http_api()
Change = Annotated[ConnectionChange, json_body(ConnectionChange)]


@app.put("/api/servicenow/config")
def update_config(
    caller: Oneself, change: Change, expected_version: ExpectedVersion
) -> Response[str]:
    """Answer 200 with the changed connection, 404, or 412 where If-Match names an older one."""
    connection = connections.change(caller, change, expected_version)
    return ok(connection.document(), version=connection.version)


@app.put("/api/servicenow/connections/<name>")
def update_named(
    name: str,
    caller: Editor,
    change: Change,
    expected_version: ExpectedVersion,
    asked: Annotated[PendingQuery, query(PendingQuery)],
) -> Response[str]:
    """Answer 200 with the changed connection, 404, or 412 where If-Match names an older one."""
    write = connections.store_pending if asked.pending else connections.change
    connection = write(caller, change, expected_version, name)
    return ok(connection.document(), version=connection.version)


lambda_handler = entrypoint(app)
