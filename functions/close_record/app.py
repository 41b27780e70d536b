"""Close a ticket of a type that has no function of its own for it."""

from actionsync.http import records
from actionsync.http.api import entrypoint
from actionsync.http.servicenow import servicenow_api
from actionsync.tickets.types import SHARED_TYPES
from actionsync.wiring.tickets import tickets_to_write

app = servicenow_api()
for ticket_type in SHARED_TYPES:
    records.close(app, ticket_type, tickets_to_write)

lambda_handler = entrypoint(app)
