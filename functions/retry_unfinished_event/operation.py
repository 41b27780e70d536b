"""POST /api/servicenow/unfinished-events/{id}/retry."""

from actionsync import errors
from functions.operation import Operation, Refused, Request

OPERATIONS = {
    "POST /api/servicenow/unfinished-events/{id}/retry": Operation(
        id="retry_unfinished_event",
        tag="Events",
        summary="Retry an unfinished event",
        status=202,
        request=Request(path={"id": "0123456789abcdef0123456789abcdef"}),
        answer="UnfinishedEvent",
        example={
            "id": "0123456789abcdef0123456789abcdef",
            "state": "waiting",
            "kind": "incident",
            "source": "application",
            "name": "checkout",
            "table": "incident",
            "reason_type": "PermissionDenied",
            "reason": "Operation Failed: ACL restricts the record retrieval",
            "tries": 0,
            "received_at": "2026-01-10T10:00:00Z",
            "since": "2026-01-10T11:00:00Z",
            "next_at": "2026-01-10T11:00:00Z",
            "is_cut": False,
        },
        errors=(errors.UnfinishedEventNotFoundError,),
        refused={
            "invalid_unknown": Refused(Request(path={"id": "none"}), 404),
        },
        cold_calls={"GetItem": 1, "UpdateItem": 3},
        warm_calls={"GetItem": 1, "UpdateItem": 1},
    )
}
