"""GET /api/servicenow/config, and /connections/{name}."""

from actionsync import errors
from functions.operation import Operation, Refused, Request

OPERATIONS = {
    "GET /api/servicenow/config": Operation(
        id="get_config",
        tag="Connection",
        summary="The calling user's ServiceNow connection, without its password",
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
            "name": "default",
        },
        errors=(errors.ConnectionNotFoundError,),
        refused={
            "invalid_not_signed_in": Refused(Request(is_signed_in=False), 401),
        },
        cold_calls={"GetItem": 1},
        warm_calls={"GetItem": 1},
    ),
    "GET /api/servicenow/connections/{name}": Operation(
        id="get_connection",
        tag="Connection",
        summary="One of an owner's ServiceNow connections, without its secrets",
        request=Request(path={"name": "default"}),
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
            "name": "default",
        },
        errors=(errors.ConnectionNotFoundError,),
        refused={
            "invalid_connection": Refused(Request(path={"name": "none"}), 404),
            "invalid_team": Refused(
                Request(path={"name": "default"}, query={"owner": "team/none"}), 403
            ),
        },
        cold_calls={"GetItem": 1},
        warm_calls={"GetItem": 1},
    ),
}
