"""GET /api/servicenow/choices/{table}/{field}: the values this instance has for a field."""

from typing import Annotated

from aws_lambda_powertools.event_handler import Response

from actionsync.http.api import entrypoint, ok, query
from actionsync.http.servicenow import servicenow_api
from actionsync.runtime import run
from actionsync.tickets.choices import ChoicesQuery, choices
from actionsync.wiring.callers import ConnectionMember
from actionsync.wiring.servicenow import client_cache

app = servicenow_api()


@app.get("/api/servicenow/choices/<table>/<field>")
def get_choices(
    table: str,
    field: str,
    caller: ConnectionMember,
    asked: Annotated[ChoicesQuery, query(ChoicesQuery)],
) -> Response[str]:
    """Answer 200 with the choices in the instance's order, or the records that a search finds."""
    place = (caller.owner, table, field, caller.connection)
    return ok(run(choices(client_cache(), *place, asked.search)))


lambda_handler = entrypoint(app)
