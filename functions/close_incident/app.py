"""Close an incident, through the states that it has to pass."""

from actionsync.http import records
from actionsync.http.api import entrypoint
from actionsync.http.servicenow import servicenow_api
from actionsync.tickets.types import INCIDENT
from actionsync.wiring.tickets import tickets_to_write

app = servicenow_api()
records.close(app, INCIDENT, tickets_to_write)

lambda_handler = entrypoint(app)
