"""Close a change request, through the states that it has to pass."""

from actionsync.http import records
from actionsync.http.api import entrypoint
from actionsync.http.servicenow import servicenow_api
from actionsync.tickets.types import CHANGE_REQUEST
from actionsync.wiring.tickets import tickets_to_write

app = servicenow_api()
records.close(app, CHANGE_REQUEST, tickets_to_write)

lambda_handler = entrypoint(app)
