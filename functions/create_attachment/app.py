"""Attach a file to a ticket of any type."""

from actionsync.http import records
from actionsync.http.api import entrypoint
from actionsync.http.servicenow import servicenow_api
from actionsync.tickets.types import TICKET_TYPES
from actionsync.wiring.servicenow import limited_tickets

app = servicenow_api()
for ticket_type in TICKET_TYPES:
    records.attach(app, ticket_type, limited_tickets)

lambda_handler = entrypoint(app)
