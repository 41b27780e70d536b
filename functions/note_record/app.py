"""Add a work note to a record."""

from actionsync.http import records
from actionsync.http.api import entrypoint
from actionsync.http.servicenow import servicenow_api
from actionsync.tickets.types import TABLES
from actionsync.wiring.tickets import tickets_to_write

app = servicenow_api()
for segment, table in TABLES.items():
    records.note(app, segment, table, tickets_to_write)

lambda_handler = entrypoint(app)
