"""PATCH /api/servicenow/incidents/{id}."""

from functions.operation import Operation, Refused, Request

OPERATIONS = {
    "PATCH /api/servicenow/incidents/{id}": Operation(
        id="update_incident",
        tag="Incidents",
        summary="Set what the caller sets, and nothing else",
        request=Request(
            body={
                "state": "2",
                "work_notes": "The payment provider is slow; a fail-over is under way.",
            },
            path={"id": "INC0010001"},
        ),
        answer="Ticket",
        example={
            "sys_id": "a89b08903cd403dd1731c05a4b119217",
            "number": "INC0010001",
            "short_description": "Checkout answers 500",
            "description": "",
            "state": "2",
            "priority": "2",
            "urgency": "1",
            "impact": "2",
            "sys_created_on": "2026-01-10 10:00:00",
            "url": "https://example.service-now.com/nav_to.do?uri=incident.do%3Fsys_id%3Da89b08903cd403dd1731c05a4b119217",
            "ignored_fields": [],
        },
        refused={
            "invalid_nothing_to_set": Refused(
                Request(body={}, path={"id": "INC0010001"}), 422, ["body"]
            ),
        },
        servicenow_calls=2,
    )
}
