"""GET /api/servicenow/connections."""

from functions.operation import Operation, Refused, Request

OPERATIONS = {
    "GET /api/servicenow/connections": Operation(
        id="list_connections",
        tag="Connection",
        summary="An owner's ServiceNow connections, without their secrets",
        answer="Connections",
        example={
            "connections": [
                {
                    "id": 1,
                    "instance_url": "https://example.service-now.com",
                    "auth_method": "basic",
                    "username": "actionsync.integration",
                    "client_id": "",
                    "created_at": "2026-01-10T10:00:00Z",
                    "updated_at": "2026-01-10T10:00:00Z",
                    "version": 1,
                    "name": "default",
                }
            ],
            "teams": [{"name": "payments", "role": "editor"}],
        },
        refused={
            "invalid_not_signed_in": Refused(Request(is_signed_in=False), 401),
            "invalid_owner": Refused(Request(query={"owner": "payments"}), 422, ["owner"]),
            "invalid_team": Refused(Request(query={"owner": "team/none"}), 403),
        },
        cold_calls={"Query": 2},
        warm_calls={"Query": 2},
    )
}
