"""Read an incident by sys_id or number."""

from actionsync.http import records
from actionsync.http.api import entrypoint
from actionsync.http.servicenow import servicenow_api
from actionsync.tickets.types import INCIDENT
from actionsync.wiring.tickets import tickets_to_read

app = servicenow_api()
records.get(app, INCIDENT, tickets_to_read)

lambda_handler = entrypoint(app)
