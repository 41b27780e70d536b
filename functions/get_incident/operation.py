"""GET /api/servicenow/incidents/{id}."""

from functions.operation import Operation, Refused, Request

OPERATIONS = {
    "GET /api/servicenow/incidents/{id}": Operation(
        id="get_incident",
        tag="Incidents",
        summary="Read an incident by sys_id or number",
        request=Request(path={"id": "INC0010001"}),
        answer="Ticket",
        example={
            "sys_id": "0cef4f3e5df76b89088e888a129f8697",
            "number": "INC0010001",
            "short_description": "Checkout answers 500",
            "description": "",
            "state": "1",
            "priority": "2",
            "urgency": "1",
            "impact": "2",
            "sys_created_on": "2026-01-10 10:00:00",
            "url": "https://example.service-now.com/nav_to.do?uri=incident.do%3Fsys_id%3D0cef4f3e5df76b89088e888a129f8697",
        },
        refused={
            "invalid_id": Refused(Request(path={"id": "INC1^ORactive=true"}), 422, ["id"]),
        },
        servicenow_calls=1,
    )
}
