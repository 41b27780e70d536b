"""POST /api/servicenow/{tickets}/{id}/close, of the types that share it."""

from functions.operation import Operation, Refused, Request

OPERATIONS = {
    "POST /api/servicenow/problems/{id}/close": Operation(
        id="close_problem",
        tag="Problems",
        summary="Close a problem, through the states that it has to pass",
        request=Request(
            body={
                "close_notes": "The provider raised its limit.",
                "resolution_code": "risk_accepted",
            },
            path={"id": "PRB0040001"},
        ),
        answer="Ticket",
        example={
            "sys_id": "5d2a7f1ec0a8010a01d4b1e8f0a1b2c3",
            "number": "PRB0040001",
            "short_description": "Payments time out at noon",
            "description": "",
            "state": "107",
            "priority": "3",
            "urgency": "2",
            "impact": "2",
            "sys_created_on": "2026-01-10 10:00:00",
            "url": "https://example.service-now.com/nav_to.do?uri=problem.do%3Fsys_id%3D5d2a7f1ec0a8010a01d4b1e8f0a1b2c3",
            "ignored_fields": [],
        },
        refused={
            "invalid_notes_missing": Refused(
                Request(body={"resolution_code": "risk_accepted"}, path={"id": "PRB0040001"}),
                422,
                ["close_notes"],
            ),
        },
        servicenow_calls=2,
    ),
    "POST /api/servicenow/security-incidents/{id}/close": Operation(
        id="close_security_incident",
        tag="Security incidents",
        summary="Close a security incident",
        request=Request(
            body={"close_notes": "The keys are revoked.", "close_code": "Threat mitigated"},
            path={"id": "SIR0010001"},
        ),
        answer="Ticket",
        example={
            "sys_id": "3f9b2c6ac0a8010a01d4b1e8f0a1b2c3",
            "number": "SIR0010001",
            "short_description": "Keys of a build user were used from abroad",
            "description": "",
            "state": "3",
            "priority": "2",
            "urgency": "1",
            "impact": "2",
            "sys_created_on": "2026-01-10 10:00:00",
            "url": "https://example.service-now.com/nav_to.do?uri=sn_si_incident.do%3Fsys_id%3D3f9b2c6ac0a8010a01d4b1e8f0a1b2c3",
            "ignored_fields": [],
        },
        refused={
            "invalid_security_code_missing": Refused(
                Request(body={"close_notes": "Revoked."}, path={"id": "SIR0010001"}),
                422,
                ["close_code"],
            ),
        },
        servicenow_calls=2,
    ),
}
