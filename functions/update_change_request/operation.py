"""PATCH /api/servicenow/change-requests/{id}."""

from functions.operation import Operation, Refused, Request

OPERATIONS = {
    "PATCH /api/servicenow/change-requests/{id}": Operation(
        id="update_change_request",
        tag="Change requests",
        summary="Set what the caller sets, and nothing else",
        request=Request(
            body={
                "implementation_plan": "Deploy one zone, watch it for ten minutes, deploy the rest."
            },
            path={"id": "CHG0030001"},
        ),
        answer="Ticket",
        example={
            "sys_id": "d873a58c5d486ca0a33a02dafddfb85c",
            "number": "CHG0030001",
            "short_description": "Deploy checkout 2.4.0",
            "description": "",
            "state": "-1",
            "priority": "4",
            "urgency": "3",
            "impact": "3",
            "sys_created_on": "2026-01-10 10:00:00",
            "url": "https://example.service-now.com/nav_to.do?uri=change_request.do%3Fsys_id%3Dd873a58c5d486ca0a33a02dafddfb85c",
            "ignored_fields": [],
            "type": "normal",
            "risk": "4",
        },
        refused={
            "invalid_moment": Refused(
                Request(body={"start_date": "tomorrow"}, path={"id": "CHG0030001"}),
                422,
                ["start_date"],
            ),
        },
        servicenow_calls=2,
    )
}
