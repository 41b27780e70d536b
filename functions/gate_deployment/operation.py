"""POST and GET /api/servicenow/gates, and GET /api/servicenow/gates/{id}."""

from typing import Any

from actionsync import errors
from functions.operation import Operation, Refused, Request

_ID = "f3d2c1b0a9988776c1b0a99887766554"
_GATE: dict[str, Any] = {
    "id": _ID,
    "url": f"https://example.execute-api.us-east-1.amazonaws.com/api/servicenow/gates/{_ID}",
    "state": "waiting",
    "reason": "CHG0030001 is in the state Assess",
    "application": "checkout",
    "environment": "production",
    "deployment_id": "4711",
    "attempt": "1",
    "platform": "",
    "change_number": "CHG0030001",
    "change_sys_id": "a9e30c7dc61122760116894de7bcc7bd",
    "change_url": "https://example.service-now.com/nav_to.do?uri=change_request.do%3Fsys_id%3Da9e30c7dc61122760116894de7bcc7bd",
    "created_at": "2026-01-10T10:00:00Z",
    "ends_at": "2026-01-17T10:00:00Z",
    "decided_at": None,
    "answer": "none",
}
_NEW = {
    "application": "checkout",
    "deployment_id": "4711",
    "environment": "production",
    "version": "2.4.0",
}

OPERATIONS = {
    "POST /api/servicenow/gates": Operation(
        id="open_gate",
        tag="Gates",
        summary="Hold a deployment until its change is approved and its window is open",
        status=201,
        request=Request(body=_NEW),
        answer="Gate",
        example={
            **_GATE,
            "reason": "",
            "ends_at": None,
            **dict.fromkeys(("change_number", "change_sys_id", "change_url"), ""),
        },
        errors=(errors.ConnectionNotFoundError,),
        refused={
            "invalid_not_signed_in": Refused(Request(body=_NEW, is_signed_in=False), 401),
            "invalid_no_deployment": Refused(
                Request(body={"application": "checkout"}), 422, ["deployment_id"]
            ),
            "invalid_blank_application": Refused(
                Request(body={**_NEW, "application": " "}), 422, ["application"]
            ),
            "invalid_change_number": Refused(
                Request(body={**_NEW, "change_number": "CHG1^ORDERBY"}), 422, ["change_number"]
            ),
            "invalid_window": Refused(
                Request(
                    body={
                        **_NEW,
                        "planned_start": "2026-01-10T12:00:00Z",
                        "planned_end": "2026-01-10T11:00:00Z",
                    }
                ),
                422,
                ["body"],
            ),
            "invalid_token": Refused(
                Request(body={**_NEW, "task_token": "x"}), 422, ["task_token"]
            ),
        },
        cold_calls={"PutItem": 2, "Query": 1, "SendMessage": 1, "UpdateItem": 2},
        # The same deployment finds its gate, and the timer that looks at it.
        warm_calls={"GetItem": 1, "PutItem": 2, "Query": 1},
    ),
    "GET /api/servicenow/gates": Operation(
        id="list_gates",
        tag="Gates",
        summary="The calling user's gates: what waits, and what was decided",
        request=Request(query={"state": "waiting"}),
        answer="GatePage",
        example={"items": [_GATE], "next": None},
        refused={
            "invalid_state": Refused(Request(query={"state": "open"}), 422, ["state"]),
            "invalid_limit": Refused(Request(query={"limit": "1000"}), 422, ["limit"]),
            "invalid_cursor": Refused(Request(query={"cursor": "x"}), 422, ["cursor"]),
        },
        cold_calls={"Query": 1},
        warm_calls={"Query": 1},
    ),
    "GET /api/servicenow/gates/{id}": Operation(
        id="get_gate",
        tag="Gates",
        summary="Whether a deployment may go on: waiting, go or no, with the reason",
        request=Request(path={"id": _ID}),
        answer="Gate",
        example=_GATE,
        errors=(errors.GateNotFoundError,),
        refused={"invalid_unknown_gate": Refused(Request(path={"id": "0" * 32}), 404)},
        cold_calls={"GetItem": 1},
        warm_calls={"GetItem": 1},
    ),
}
