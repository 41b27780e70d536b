"""PATCH /api/servicenow/{tickets}/{id}, of the types that share it."""

from functions.operation import Operation, Refused, Request

OPERATIONS = {
    "PATCH /api/servicenow/problems/{id}": Operation(
        id="update_problem",
        tag="Problems",
        summary="Set what the caller sets of a problem, and nothing else",
        request=Request(
            body={"workaround": "Retry after a minute.", "urgency": "high"},
            path={"id": "PRB0040001"},
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
            "invalid_nothing_to_set": Refused(
                Request(body={}, path={"id": "PRB0040001"}), 422, ["body"]
            ),
        },
        servicenow_calls=2,
    ),
    "PATCH /api/servicenow/security-incidents/{id}": Operation(
        id="update_security_incident",
        tag="Security incidents",
        summary="Set what the caller sets of a security incident, and nothing else",
        request=Request(
            body={"state": "analysis", "assigned_to": "don.goodliffe"}, path={"id": "SIR0010001"}
        ),
        answer="Ticket",
        example={
            "sys_id": "3f9b2c6ac0a8010a01d4b1e8f0a1b2c3",
            "number": "SIR0010001",
            "short_description": "Keys of a build user were used from abroad",
            "description": "",
            "state": "16",
            "priority": "2",
            "urgency": "1",
            "impact": "2",
            "sys_created_on": "2026-01-10 10:00:00",
            "url": "https://example.service-now.com/nav_to.do?uri=sn_si_incident.do%3Fsys_id%3D3f9b2c6ac0a8010a01d4b1e8f0a1b2c3",
            "ignored_fields": [],
        },
        refused={
            "invalid_security_nothing_to_set": Refused(
                Request(body={}, path={"id": "SIR0010001"}), 422, ["body"]
            ),
        },
        servicenow_calls=2,
    ),
}
