"""POST /api/servicenow/incidents/{id}/close."""

from functions.operation import Operation, Refused, Request

OPERATIONS = {
    "POST /api/servicenow/incidents/{id}/close": Operation(
        id="close_incident",
        tag="Incidents",
        summary="Resolve an incident, or close it",
        request=Request(
            body={
                "close_notes": "Failed over to the second provider.",
                "close_code": "Solution provided",
            },
            path={"id": "INC0010001"},
        ),
        answer="Ticket",
        example={
            "sys_id": "3b091056410d4fe6c00a4e92a8519d82",
            "number": "INC0010001",
            "short_description": "Checkout answers 500",
            "description": "",
            "state": "6",
            "priority": "2",
            "urgency": "1",
            "impact": "2",
            "sys_created_on": "2026-01-10 10:00:00",
            "url": "https://example.service-now.com/nav_to.do?uri=incident.do%3Fsys_id%3D3b091056410d4fe6c00a4e92a8519d82",
            "ignored_fields": [],
            "close_code": "Solution provided",
            "close_notes": "Failed over to the second provider.",
        },
        refused={
            "invalid_notes_missing": Refused(
                Request(body={"close_code": "Solution provided"}, path={"id": "INC0010001"}),
                422,
                ["close_notes"],
            ),
        },
        servicenow_calls=2,
    )
}
