"""GET /api/servicenow/health."""

from functions.operation import Operation, Refused, Request

OPERATIONS = {
    "GET /api/servicenow/health": Operation(
        id="get_health",
        tag="Events",
        summary="Whether the calling user's connection and events work",
        answer="Health",
        example={
            "connection": {"state": "working", "instance_url": "https://example.service-now.com"},
            "last_success": "2026-01-10T10:00:00.000Z",
            "last_failure": {
                "at": "2026-01-09T17:30:00.000Z",
                "kind": "incident",
                "cause": "checkout",
                "reason_type": "ReferenceNotFound",
                "reason": "assignment_group: there is no group No such group",
            },
            "pause": None,
            "failed_events": 1,
            "counted_since": "2025-12-28T00:00:00Z",
            "days": [
                {"date": "2026-01-09", "tickets": 2, "updates": 5, "failures": 1},
                {"date": "2026-01-10", "tickets": 1, "updates": 0, "failures": 0},
            ],
        },
        refused={
            "invalid_not_signed_in": Refused(Request(is_signed_in=False), 401),
        },
        cold_calls={"GetItem": 1, "BatchGetItem": 2, "Query": 2, "UpdateItem": 1},
        warm_calls={"GetItem": 1, "Query": 2},
    )
}
