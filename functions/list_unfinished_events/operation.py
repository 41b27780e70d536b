"""GET /api/servicenow/unfinished-events."""

from functions.operation import Operation, Refused, Request

OPERATIONS = {
    "GET /api/servicenow/unfinished-events": Operation(
        id="list_unfinished_events",
        tag="Events",
        summary="The calling user's events that wait or have failed",
        request=Request(query={"state": "failed"}),
        answer="UnfinishedEventPage",
        example={
            "items": [
                {
                    "id": "0123456789abcdef0123456789abcdef",
                    "state": "failed",
                    "kind": "incident",
                    "source": "application",
                    "name": "checkout",
                    "table": "incident",
                    "reason_type": "PermissionDenied",
                    "reason": "Operation Failed: ACL restricts the record retrieval",
                    "tries": 0,
                    "received_at": "2026-01-10T10:00:00Z",
                    "since": "2026-01-10T10:00:02Z",
                    "next_at": None,
                    "is_cut": False,
                }
            ],
            "next": None,
        },
        refused={
            "invalid_state": Refused(Request(query={"state": "lost"}), 422, ["state"]),
            "invalid_limit": Refused(Request(query={"limit": "1000"}), 422, ["limit"]),
            "invalid_cursor": Refused(Request(query={"cursor": "failed#x"}), 422, ["cursor"]),
        },
        cold_calls={"Query": 1},
        warm_calls={"Query": 1},
    )
}
