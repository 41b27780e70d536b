"""POST /api/servicenow/incidents."""

from functions.operation import Operation, Refused, Request

OPERATIONS = {
    "POST /api/servicenow/incidents": Operation(
        id="create_incident",
        tag="Incidents",
        summary="Open an incident as the calling user",
        status=201,
        request=Request(
            body={
                "short_description": "Checkout answers 500",
                "description": "Since 10:00 UTC every third payment fails.",
                "urgency": "1",
                "impact": "2",
                "category": "software",
                "assignment_group": "IT Support",
            },
            headers={"idempotency-key": "checkout-500-2024-01-10"},
        ),
        answer="Ticket",
        example={
            "sys_id": "6bacc8df832fe3221f7bb89b6922d7a6",
            "number": "INC0010001",
            "short_description": "Checkout answers 500",
            "description": "Since 10:00 UTC every third payment fails.",
            "state": "1",
            "priority": "2",
            "urgency": "1",
            "impact": "2",
            "assignment_group": "4461629f5fb6de55668801af456d3291",
            "sys_created_on": "2026-01-10 10:00:00",
            "url": "https://example.service-now.com/nav_to.do?uri=incident.do%3Fsys_id%3D6bacc8df832fe3221f7bb89b6922d7a6",
            "ignored_fields": [],
        },
        refused={
            "invalid_no_body": Refused(Request(), 400),
            "invalid_unknown_field": Refused(
                Request(body={"short_description": "Checkout answers 500", "severity": "high"}),
                422,
                ["severity"],
            ),
            "invalid_query_in_group": Refused(
                Request(
                    body={
                        "short_description": "Checkout answers 500",
                        "assignment_group": "IT Support^ORactive=true",
                    }
                ),
                422,
                ["assignment_group"],
            ),
        },
        servicenow_calls=1,
    )
}
