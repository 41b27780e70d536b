"""ServiceNow from Python without asyncio: the same client, generated from the asynchronous one.

with ServiceNowClient(url, username=..., password=...) as client:
    incident = client.create_incident("Checkout answers 500", urgency="1", impact="2")
    print(incident["number"])

Ways to sign in by OAuth are in `servicenow_tools.sync.auth`; errors, queries and records are those
of `servicenow_tools`.
"""

from servicenow_tools.sync._transport import Transport
from servicenow_tools.sync.client import ServiceNowClient
from servicenow_tools.sync.tables import Table

__all__ = ["ServiceNowClient", "Table", "Transport"]
