"""ServiceNow from Python: an asynchronous client for integrations.

async with ServiceNowClient(url, username=..., password=...) as client:
    incident = await client.create_incident("Checkout answers 500", urgency="1", impact="2")
    print(incident["number"])
"""

from servicenow_tools._http import Exchange
from servicenow_tools._transport import Transport, environment_proxy, tls_context
from servicenow_tools.client import ServiceNowClient
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
from servicenow_tools.searches import change_request_query, incident_query

__all__ = [
    "Check",
    "Choice",
    "ConnectionReport",
    "Exchange",
    "Field",
    "IgnoredField",
    "Page",
    "Query",
    "Record",
    "ServiceNowClient",
    "ServiceNowError",
    "Transport",
    "change_request_query",
    "environment_proxy",
    "field",
    "incident_query",
    "tls_context",
]
