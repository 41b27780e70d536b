"""GET /api/servicenow/choices/{table}/{field}: the values this instance has for a choice field."""

from aws_lambda_powertools.event_handler import Response

from actionsync.http.api import UserId, entrypoint, ok
from actionsync.http.servicenow import api
from actionsync.http.tickets import CallersClients
from actionsync.runtime import run
from actionsync.tickets.choices import choices

app = api()


@app.get("/api/servicenow/choices/<table>/<field>")
def get_choices(table: str, field: str, user_id: UserId, sessions: CallersClients) -> Response[str]:
    """Answer 200 with the choices, in the instance's order."""
    return ok(run(choices(sessions, user_id, table, field)))


lambda_handler = entrypoint(app)
