"""POST /api/servicenow/webhooks/{source}/{id}."""

from actionsync import errors
from functions.operation import Operation, Request

OPERATIONS = {
    "POST /api/servicenow/webhooks/{source}/{id}": Operation(
        id="receive_webhook",
        tag="Events",
        summary="Take a sender's delivery",
        has_written_events=True,
        answer="WebhookAnswer",
        example={"status": "accepted"},
        errors=(errors.QueueRefusedError,),
        cold_calls={
            "GetItem": 2,
            "GetSecretValue": 1,
            "PutItem": 1,
            "PutEvents": 1,
            "UpdateItem": 2,
        },
        warm_calls={"GetItem": 2, "PutItem": 1, "PutEvents": 1, "UpdateItem": 1},
        needs_token=False,
    ),
    "OPTIONS /api/servicenow/webhooks/{source}/{id}": Operation(
        id="ask_webhook",
        tag="Events",
        summary="Say that deliveries are taken, as CloudEvents' senders ask first",
        request=Request(
            path={"source": "generic", "id": "0" * 32},
            headers={"webhook-request-origin": "eventgrid.azure.net"},
            is_signed_in=False,
        ),
        cold_calls={},
        warm_calls={},
        needs_token=False,
        content_type="",
        is_same_for_all=True,
    ),
}
