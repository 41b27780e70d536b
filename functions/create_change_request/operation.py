"""POST /api/servicenow/change-requests."""

from functions.operation import Operation, Refused, Request

OPERATIONS = {
    "POST /api/servicenow/change-requests": Operation(
        id="create_change_request",
        tag="Change requests",
        summary="Raise a change request as the calling user",
        status=201,
        request=Request(
            body={
                "short_description": "Deploy checkout 2.4.0",
                "description": "Payment fail-over by configuration.",
                "type": "normal",
                "risk": "moderate",
                "impact": "2",
                "assignment_group": "IT Support",
                "start_date": "2024-01-11T20:00:00Z",
                "end_date": "2024-01-11T21:00:00Z",
            }
        ),
        answer="Ticket",
        example={
            "sys_id": "cd913f22f0dbaaf9e4553c8ee46fa3ce",
            "number": "CHG0030001",
            "short_description": "Deploy checkout 2.4.0",
            "description": "Payment fail-over by configuration.",
            "state": "-5",
            "priority": "4",
            "urgency": "3",
            "impact": "2",
            "assignment_group": "4461629f5fb6de55668801af456d3291",
            "sys_created_on": "2026-01-10 10:00:00",
            "url": "https://example.service-now.com/nav_to.do?uri=change_request.do%3Fsys_id%3Dcd913f22f0dbaaf9e4553c8ee46fa3ce",
            "ignored_fields": [],
            "type": "normal",
            "risk": "3",
        },
        refused={
            "invalid_type": Refused(
                Request(body={"short_description": "Deploy checkout 2.4.0", "type": "quick"}),
                422,
                ["type"],
            ),
        },
        servicenow_calls=1,
    )
}
