"""POST /api/servicenow/config, and /connections."""

from actionsync import errors
from functions.operation import Operation, Refused, Request

OPERATIONS = {
    "POST /api/servicenow/config": Operation(
        id="create_config",
        tag="Connection",
        summary="Store the calling user's ServiceNow connection",
        status=201,
        request=Request(
            body={
                "instance_url": "https://example.service-now.com",
                "username": "actionsync.integration",
                "password": "a-made-up-password",
            }
        ),
        answer="Connection",
        example={
            "id": 2,
            "instance_url": "https://example.service-now.com",
            "auth_method": "basic",
            "username": "actionsync.integration",
            "client_id": "",
            "created_at": "2026-01-10T10:00:00Z",
            "updated_at": "2026-01-10T10:00:00Z",
            "version": 1,
            "name": "default",
        },
        errors=(
            errors.ConnectionExistsError,
            errors.ConnectionBusyError,
        ),
        refused={
            "invalid_http_instance_url": Refused(
                Request(
                    body={
                        "instance_url": "http://example.service-now.com",
                        "username": "actionsync.integration",
                        "password": "a-made-up-password",
                    }
                ),
                422,
                ["instance_url"],
            ),
            "invalid_private_instance_url": Refused(
                Request(
                    body={
                        "instance_url": "https://169.254.169.254",
                        "username": "actionsync.integration",
                        "password": "a-made-up-password",
                    }
                ),
                422,
                ["instance_url"],
            ),
            "invalid_password_missing": Refused(
                Request(
                    body={
                        "instance_url": "https://example.service-now.com",
                        "username": "actionsync.integration",
                    }
                ),
                422,
                ["password"],
            ),
            "invalid_json": Refused(Request(body='{"instance_url": '), 400),
            "invalid_content_type": Refused(
                Request(
                    body="instance_url=https://example.service-now.com",
                    headers={"content-type": "application/x-www-form-urlencoded"},
                ),
                415,
            ),
        },
        cold_calls={"UpdateItem": 4, "Query": 1, "CreateSecret": 1, "PutItem": 2},
        warm_calls={"UpdateItem": 3, "Query": 1, "CreateSecret": 1, "PutItem": 2},
    ),
    "POST /api/servicenow/connections": Operation(
        id="create_connection",
        tag="Connection",
        summary="Store one of up to ten ServiceNow connections by its name",
        status=201,
        request=Request(
            body={
                "name": "development",
                "instance_url": "https://example.service-now.com",
                "username": "actionsync.integration",
                "password": "a-made-up-password",
            }
        ),
        answer="Connection",
        example={
            "id": 1,
            "instance_url": "https://example.service-now.com",
            "auth_method": "basic",
            "username": "actionsync.integration",
            "client_id": "",
            "created_at": "2026-01-10T10:00:00Z",
            "updated_at": "2026-01-10T10:00:00Z",
            "version": 1,
            "name": "development",
        },
        errors=(
            errors.ConnectionExistsError,
            errors.ConnectionBusyError,
            errors.TooManyConnectionsError,
        ),
        refused={
            "invalid_name": Refused(
                Request(
                    body={
                        "name": "Development / EU",
                        "instance_url": "https://example.service-now.com",
                        "username": "actionsync.integration",
                        "password": "a-made-up-password",
                    }
                ),
                422,
                ["name"],
            ),
        },
        cold_calls={"UpdateItem": 4, "Query": 1, "CreateSecret": 1, "PutItem": 2},
        warm_calls={"UpdateItem": 3, "Query": 1, "CreateSecret": 1, "PutItem": 2},
    ),
}
