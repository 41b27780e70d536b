"""Store a ServiceNow connection: the calling user's default one, or one with a name."""

from typing import Annotated

from aws_lambda_powertools.event_handler import Response

from actionsync.connections.models import NamedConnection, NewConnection
from actionsync.http.api import created, entrypoint, http_api, json_body
from actionsync.wiring import connections
from actionsync.wiring.callers import Editor, Oneself

app = http_api()


@app.post("/api/servicenow/config")
def create_config(
    caller: Oneself, new: Annotated[NewConnection, json_body(NewConnection)]
) -> Response[str]:
    """Answer 201 with the connection, or 409 where one is stored."""
    connection = connections.create(caller, new)
    return created(connection.document(), version=connection.version)


@app.post("/api/servicenow/connections")
def create_named(
    caller: Editor, new: Annotated[NamedConnection, json_body(NamedConnection)]
) -> Response[str]:
    """Answer 201 with the connection, or 409 where there is one of that name, or ten."""
    connection = connections.create(caller, new, new.name)
    return created(connection.document(), version=connection.version)


lambda_handler = entrypoint(app)
