"""GET /api/servicenow/{tickets}/{id}, of the types that share it."""

from functions.operation import Operation, Refused, Request

OPERATIONS = {
    "GET /api/servicenow/problems/{id}": Operation(
        id="get_problem",
        tag="Problems",
        summary="Read a problem by sys_id or number",
        request=Request(path={"id": "PRB0040001"}),
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
        },
        refused={"invalid_id": Refused(Request(path={"id": "all"}), 422, ["id"])},
        servicenow_calls=1,
    ),
    "GET /api/servicenow/security-incidents/{id}": Operation(
        id="get_security_incident",
        tag="Security incidents",
        summary="Read a security incident by sys_id or number",
        request=Request(path={"id": "SIR0010001"}),
        answer="Ticket",
        example={
            "sys_id": "3f9b2c6ac0a8010a01d4b1e8f0a1b2c3",
            "number": "SIR0010001",
            "short_description": "Keys of a build user were used from abroad",
            "description": "",
            "state": "10",
            "priority": "2",
            "urgency": "1",
            "impact": "2",
            "sys_created_on": "2026-01-10 10:00:00",
            "url": "https://example.service-now.com/nav_to.do?uri=sn_si_incident.do%3Fsys_id%3D3f9b2c6ac0a8010a01d4b1e8f0a1b2c3",
        },
        refused={"invalid_security_id": Refused(Request(path={"id": "all"}), 422, ["id"])},
        servicenow_calls=1,
    ),
}
