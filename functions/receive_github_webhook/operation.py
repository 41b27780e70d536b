"""POST /api/servicenow/webhooks/github/{id}."""

from functions.operation import Operation

OPERATIONS = {
    "POST /api/servicenow/webhooks/github/{id}": Operation(
        id="receive_github_webhook",
        tag="Events",
        summary="Put a delivery of GitHub's on the bus",
        has_written_events=True,
        answer="WebhookAnswer",
        example={"status": "accepted"},
        cold_calls={
            "GetItem": 2,
            "GetSecretValue": 1,
            "PutItem": 1,
            "PutEvents": 1,
            "UpdateItem": 1,
        },
        warm_calls={"GetItem": 1, "PutItem": 1, "PutEvents": 1, "UpdateItem": 1},
        needs_token=False,
    )
}
