"""GET /api/servicenow/choices/{table}/{field}: the values this instance has for a choice field."""

from aws_lambda_powertools.event_handler import Response

from actionsync.http.api import entrypoint, ok
from actionsync.http.servicenow import servicenow_api
from actionsync.runtime import run
from actionsync.tickets.choices import choices
from actionsync.wiring.callers import ConnectionMember
from actionsync.wiring.servicenow import client_cache

app = servicenow_api()


@app.get("/api/servicenow/choices/<table>/<field>")
def get_choices(table: str, field: str, caller: ConnectionMember) -> Response[str]:
    """Answer 200 with the choices, in the instance's order."""
    return ok(run(choices(client_cache(), caller.owner, table, field, caller.connection)))


lambda_handler = entrypoint(app)
