"""GET /api/servicenow/webhooks and .../{source}, and .../{id}/deliveries."""

from actionsync import errors
from functions.operation import Operation, Refused, Request

EXAMPLE = {
    "webhooks": [
        {
            "id": "0123456789abcdef0123456789abcdef",
            "source": "github",
            "name": "github",
            "dry_run": False,
            "verification": None,
            "connection": None,
            "path": "/api/servicenow/webhooks/github/0123456789abcdef0123456789abcdef",
            "created_at": "2026-01-10T10:00:00Z",
        }
    ]
}

OPERATIONS = {
    "GET /api/servicenow/webhooks": Operation(
        id="list_all_webhooks",
        tag="Events",
        summary="The calling user's webhooks of all sources, without their secrets",
        answer="Webhooks",
        example=EXAMPLE,
        refused={"invalid_list_not_signed_in": Refused(Request(is_signed_in=False), 401)},
        cold_calls={"GetItem": 1},
        warm_calls={"GetItem": 1},
    ),
    "GET /api/servicenow/webhooks/{source}": Operation(
        id="list_webhooks",
        tag="Events",
        summary="The calling user's webhooks of a source, without their secrets",
        request=Request(path={"source": "github"}),
        answer="Webhooks",
        example=EXAMPLE,
        refused={
            "invalid_not_signed_in": Refused(
                Request(path={"source": "github"}, is_signed_in=False), 401
            ),
            "invalid_source": Refused(Request(path={"source": "pigeon"}), 422, ["source"]),
        },
        cold_calls={"GetItem": 1},
        warm_calls={"GetItem": 1},
    ),
    "GET /api/servicenow/webhooks/{source}/{id}/deliveries": Operation(
        id="list_deliveries",
        tag="Events",
        summary="The newest deliveries of a webhook, and what became of them",
        request=Request(path={"source": "github", "id": "0123456789abcdef0123456789abcdef"}),
        answer="Deliveries",
        example={
            "deliveries": [
                {
                    "id": "fedcba9876543210fedcba9876543210",
                    "at": "2026-01-10T10:00:00.000000Z",
                    "events": [
                        {
                            "at": "2026-01-10T10:00:00.000000Z",
                            "name": "Build",
                            "outcome": "created",
                            "ticket": {
                                "number": "INC0010001",
                                "url": "https://example.service-now.com/incident.do?sys_id=1",
                            },
                            "detail": "",
                            "can_be_sent_again": True,
                            "event": {"detail-type": "Application Error", "detail": {}},
                        }
                    ],
                }
            ]
        },
        errors=(errors.WebhookNotFoundError,),
        refused={
            "invalid_webhook": Refused(Request(path={"source": "github", "id": "none"}), 404),
        },
        cold_calls={"GetItem": 1, "Query": 1},
        warm_calls={"GetItem": 1, "Query": 1},
    ),
}
