"""GET /api/servicenow/rules and /notices."""

from actionsync.rules.models import Rules
from functions.operation import Operation, Refused, Request

OPERATIONS = {
    "GET /api/servicenow/rules": Operation(
        id="get_rules",
        tag="Events",
        summary="The calling user's rules for events",
        answer="Rules",
        example=Rules().model_dump(mode="json"),
        refused={
            "invalid_not_signed_in": Refused(Request(is_signed_in=False), 401),
        },
        cold_calls={"GetItem": 1},
        warm_calls={"GetItem": 1},
    ),
    "GET /api/servicenow/notices": Operation(
        id="get_notices",
        tag="Events",
        summary="The address to which the calling user's notices go",
        answer="Notices",
        example={"email": "ada@example.com", "is_confirmed": True},
        refused={
            "invalid_not_signed_in": Refused(Request(is_signed_in=False), 401),
        },
        cold_calls={"GetItem": 1, "GetSubscriptionAttributes": 1},
        warm_calls={"GetItem": 1, "GetSubscriptionAttributes": 1},
    ),
}
