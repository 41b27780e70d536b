"""ServiceNow from Python: an asynchronous client for integrations.

async with ServiceNowClient(url, username=..., password=...) as client:
    incident = await client.create_incident("Checkout answers 500", urgency="1", impact="2")
    print(incident["number"])
"""

from servicenow_tools._http import RequestEvent
from servicenow_tools._transport import Transport, environment_proxy, tls_context
from servicenow_tools.client import ServiceNowClient
from servicenow_tools.errors import ServiceNowError
from servicenow_tools.query import Field, Query, field
from servicenow_tools.records import (
    Aggregate,
    ApiResponse,
    Capability,
    Check,
    Choice,
    ConnectionReport,
    IgnoredField,
    Imported,
    Page,
    Record,
)
from servicenow_tools.states import (
    ChangeState,
    ChangeTaskState,
    HoldReason,
    IncidentState,
    ProblemState,
    ProblemTaskState,
    SecurityIncidentState,
)
from servicenow_tools.tables import Table

__version__ = "0.1.0"

__all__ = [
    "Aggregate",
    "ApiResponse",
    "Capability",
    "ChangeState",
    "ChangeTaskState",
    "Check",
    "Choice",
    "ConnectionReport",
    "Field",
    "HoldReason",
    "IgnoredField",
    "Imported",
    "IncidentState",
    "Page",
    "ProblemState",
    "ProblemTaskState",
    "Query",
    "Record",
    "RequestEvent",
    "SecurityIncidentState",
    "ServiceNowClient",
    "ServiceNowError",
    "Table",
    "Transport",
    "environment_proxy",
    "field",
    "tls_context",
]
