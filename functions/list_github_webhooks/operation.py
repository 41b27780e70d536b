"""GET /api/servicenow/webhooks/github."""

from functions.operation import Operation, Refused, Request

OPERATIONS = {
    "GET /api/servicenow/webhooks/github": Operation(
        id="list_github_webhooks",
        tag="Events",
        summary="The calling user's webhooks, without their secrets",
        answer="Webhooks",
        example={
            "webhooks": [
                {
                    "id": "0123456789abcdef0123456789abcdef",
                    "path": "/api/servicenow/webhooks/github/0123456789abcdef0123456789abcdef",
                    "created_at": "2026-01-10T10:00:00Z",
                }
            ]
        },
        refused={
            "invalid_not_signed_in": Refused(Request(is_signed_in=False), 401),
        },
        cold_calls={"GetItem": 1},
        warm_calls={"GetItem": 1},
    )
}
