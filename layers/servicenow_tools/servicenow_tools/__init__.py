"""ServiceNow from Python: an asynchronous client for integrations.

async with ServiceNowClient(url, username=..., password=...) as client:
    incident = await client.create_incident("Checkout answers 500", urgency="1", impact="2")
    print(incident["number"])
"""

from servicenow_tools._http import tls_context
from servicenow_tools.client import ServiceNowClient, incident_query
from servicenow_tools.errors import ServiceNowError
from servicenow_tools.query import Field, Query, field
from servicenow_tools.records import (
    Check,
    Choice,
    ConnectionReport,
    IgnoredField,
    Page,
    Record,
)

__all__ = [
    "Check",
    "Choice",
    "ConnectionReport",
    "Field",
    "IgnoredField",
    "Page",
    "Query",
    "Record",
    "ServiceNowClient",
    "ServiceNowError",
    "field",
    "incident_query",
    "tls_context",
]
