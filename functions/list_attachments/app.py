"""List what is attached to a ticket of any type."""

from actionsync.http import records
from actionsync.http.api import entrypoint
from actionsync.http.servicenow import servicenow_api
from actionsync.tickets.types import TICKET_TYPES
from actionsync.wiring.tickets import tickets_to_read

app = servicenow_api()
for ticket_type in TICKET_TYPES:
    records.attachments(app, ticket_type, tickets_to_read)

lambda_handler = entrypoint(app)
