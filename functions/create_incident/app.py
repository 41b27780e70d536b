"""Open an incident as the calling user."""

from actionsync.http import records
from actionsync.http.api import entrypoint
from actionsync.http.servicenow import servicenow_api
from actionsync.tickets.types import INCIDENT
from actionsync.wiring.servicenow import limited_tickets

app = servicenow_api()
records.create(app, INCIDENT, limited_tickets)

lambda_handler = entrypoint(app)
