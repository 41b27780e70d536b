"""POST /api/servicenow/problems."""

from functions.operation import Operation, Refused, Request

OPERATIONS = {
    "POST /api/servicenow/problems": Operation(
        id="create_problem",
        tag="Problems",
        summary="Open a problem as the calling user",
        status=201,
        request=Request(
            body={
                "short_description": "Payments time out at noon",
                "urgency": "medium",
                "impact": "medium",
            },
        ),
        answer="Ticket",
        example={
            "sys_id": "5d2a7f1ec0a8010a01d4b1e8f0a1b2c3",
            "number": "PRB0040001",
            "short_description": "Payments time out at noon",
            "description": "",
            "state": "101",
            "priority": "3",
            "urgency": "2",
            "impact": "2",
            "sys_created_on": "2026-01-10 10:00:00",
            "url": "https://example.service-now.com/nav_to.do?uri=problem.do%3Fsys_id%3D5d2a7f1ec0a8010a01d4b1e8f0a1b2c3",
            "ignored_fields": [],
        },
        refused={
            "invalid_unknown_field": Refused(
                Request(body={"short_description": "Payments time out", "severity": "high"}),
                422,
                ["severity"],
            ),
        },
        servicenow_calls=1,
    )
}
