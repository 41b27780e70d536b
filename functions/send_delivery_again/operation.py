"""POST /api/servicenow/webhooks/{source}/{id}/deliveries/{delivery}/send-again."""

from actionsync import errors
from functions.operation import RECORD, SHARE, Operation, Refused, Request

PATH = {
    "source": "github",
    "id": "0123456789abcdef0123456789abcdef",
    "delivery": "fedcba9876543210fedcba9876543210",
}

OPERATIONS = {
    "POST /api/servicenow/webhooks/{source}/{id}/deliveries/{delivery}/send-again": Operation(
        id="send_delivery_again",
        tag="Events",
        summary="Send the events of a delivery again",
        status=202,
        request=Request(path=PATH),
        answer="SentAgain",
        example={"events": 1},
        errors=(
            errors.WebhookNotFoundError,
            errors.DeliveryNotFoundError,
            errors.QueueRefusedError,
        ),
        refused={
            "invalid_delivery": Refused(Request(path={**PATH, "delivery": "none"}), 404),
        },
        cold_calls={"GetItem": 1, "Query": 1, "PutEvents": 1, **SHARE, **RECORD},
        warm_calls={"GetItem": 1, "Query": 1, "PutEvents": 1, **RECORD},
    )
}
