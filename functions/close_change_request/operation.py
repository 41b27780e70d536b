"""POST /api/servicenow/change-requests/{id}/close."""

from functions.operation import Operation, Refused, Request

OPERATIONS = {
    "POST /api/servicenow/change-requests/{id}/close": Operation(
        id="close_change_request",
        tag="Change requests",
        summary="Close a change request, through its review",
        request=Request(
            body={"close_code": "successful", "close_notes": "Deployed to all zones."},
            path={"id": "CHG0030001"},
        ),
        answer="Ticket",
        example={
            "sys_id": "85a385f57f5e42d35e87a51ebc1388e3",
            "number": "CHG0030001",
            "short_description": "Deploy checkout 2.4.0",
            "description": "",
            "state": "3",
            "priority": "4",
            "urgency": "3",
            "impact": "3",
            "sys_created_on": "2026-01-10 10:00:00",
            "url": "https://example.service-now.com/nav_to.do?uri=change_request.do%3Fsys_id%3D85a385f57f5e42d35e87a51ebc1388e3",
            "ignored_fields": [],
            "type": "normal",
            "risk": "4",
            "close_code": "successful",
            "close_notes": "Deployed to all zones.",
        },
        refused={
            "invalid_code": Refused(
                Request(
                    body={"close_code": "fine", "close_notes": "Deployed."},
                    path={"id": "CHG0030001"},
                ),
                422,
                ["close_code"],
            ),
        },
        servicenow_calls=4,
        updates=2,
    )
}
