"""Open a ticket of a type without a function of its own for it; attach a file to any ticket."""

from actionsync.http import records
from actionsync.http.api import entrypoint
from actionsync.http.servicenow import servicenow_api
from actionsync.tickets.types import SHARED_TYPES, TICKET_TYPES
from actionsync.wiring.tickets import tickets_to_write

app = servicenow_api()
for ticket_type in SHARED_TYPES:
    records.create(app, ticket_type, tickets_to_write)
records.import_row(app, tickets_to_write)
for ticket_type in TICKET_TYPES:
    records.attach(app, ticket_type, tickets_to_write)

lambda_handler = entrypoint(app)
