"""POST /api/servicenow/incidents/{id}/cancel."""

from functions.operation import Operation, Refused, Request

OPERATIONS = {
    "POST /api/servicenow/incidents/{id}/cancel": Operation(
        id="cancel_incident",
        tag="Incidents",
        summary="Cancel an incident",
        request=Request(body={"reason": "Opened by mistake."}, path={"id": "INC0010001"}),
        answer="Ticket",
        example={
            "sys_id": "3b091056410d4fe6c00a4e92a8519d82",
            "number": "INC0010001",
            "short_description": "Checkout answers 500",
            "description": "",
            "state": "8",
            "priority": "2",
            "urgency": "1",
            "impact": "2",
            "sys_created_on": "2026-01-10 10:00:00",
            "url": "https://example.service-now.com/nav_to.do?uri=incident.do%3Fsys_id%3D3b091056410d4fe6c00a4e92a8519d82",
            "ignored_fields": [],
        },
        refused={
            "invalid_blank_reason": Refused(
                Request(body={"reason": " "}, path={"id": "INC0010001"}), 422, ["reason"]
            ),
        },
        servicenow_calls=2,
    )
}
