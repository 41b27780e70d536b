"""GET /api/servicenow/webhooks/{source}."""

from functions.operation import Operation, Refused, Request

OPERATIONS = {
    "GET /api/servicenow/webhooks/{source}": Operation(
        id="list_webhooks",
        tag="Events",
        summary="The calling user's webhooks of a source, without their secrets",
        request=Request(path={"source": "github"}),
        answer="Webhooks",
        example={
            "webhooks": [
                {
                    "id": "0123456789abcdef0123456789abcdef",
                    "source": "github",
                    "name": "github",
                    "dry_run": False,
                    "verification": None,
                    "path": "/api/servicenow/webhooks/github/0123456789abcdef0123456789abcdef",
                    "created_at": "2026-01-10T10:00:00Z",
                }
            ]
        },
        refused={
            "invalid_not_signed_in": Refused(
                Request(path={"source": "github"}, is_signed_in=False), 401
            ),
            "invalid_source": Refused(Request(path={"source": "pigeon"}), 422, ["source"]),
        },
        cold_calls={"GetItem": 1},
        warm_calls={"GetItem": 1},
    )
}
