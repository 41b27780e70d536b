"""GET /api/servicenow/incidents."""

from functions.operation import Operation, Refused, Request

OPERATIONS = {
    "GET /api/servicenow/incidents": Operation(
        id="search_incidents",
        tag="Incidents",
        summary="List incidents, newest first",
        request=Request(query={"state": "new", "assignment_group": "IT Support", "limit": "5"}),
        answer="IncidentPage",
        example={
            "incidents": [
                {
                    "sys_id": "0cef4f3e5df76b89088e888a129f8697",
                    "number": "INC0010001",
                    "short_description": "Checkout answers 500",
                    "state": "1",
                    "priority": "2",
                    "url": "https://example.service-now.com/nav_to.do?uri=incident.do%3Fsys_id%3D0cef4f3e5df76b89088e888a129f8697",
                }
            ],
            "total": 1,
            "next_cursor": None,
        },
        refused={
            "invalid_query_in_group": Refused(
                Request(query={"assignment_group": "javascript:gs.getUserID()"}),
                422,
                ["assignment_group"],
            ),
            "invalid_limit": Refused(Request(query={"limit": "1000"}), 422, ["limit"]),
        },
        servicenow_calls=1,
    )
}
