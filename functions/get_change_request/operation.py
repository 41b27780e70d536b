"""GET /api/servicenow/change-requests/{id}."""

from functions.operation import Operation, Refused, Request

OPERATIONS = {
    "GET /api/servicenow/change-requests/{id}": Operation(
        id="get_change_request",
        tag="Change requests",
        summary="Read a change request by sys_id or number",
        request=Request(path={"id": "CHG0030001"}),
        answer="Ticket",
        example={
            "sys_id": "286f910a63297e199e7523f2fb77a625",
            "number": "CHG0030001",
            "short_description": "Deploy checkout 2.4.0",
            "description": "",
            "state": "-1",
            "priority": "4",
            "urgency": "3",
            "impact": "3",
            "sys_created_on": "2026-01-10 10:00:00",
            "url": "https://example.service-now.com/nav_to.do?uri=change_request.do%3Fsys_id%3D286f910a63297e199e7523f2fb77a625",
            "type": "normal",
            "risk": "4",
        },
        refused={
            "invalid_id": Refused(Request(path={"id": "all"}), 422, ["id"]),
        },
        servicenow_calls=1,
    )
}
