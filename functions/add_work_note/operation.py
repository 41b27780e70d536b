"""POST /api/servicenow/{table}/{id}/work-notes."""

from functions.operation import Operation, Refused, Request

OPERATIONS = {
    "POST /api/servicenow/{table}/{id}/work-notes": Operation(
        id="add_work_note",
        tag="Tickets",
        summary="Add a work note to a ticket",
        status=201,
        request=Request(
            body={"work_note": "The second provider has confirmed."},
            path={"table": "incidents", "id": "INC0010001"},
        ),
        answer="Ticket",
        example={
            "sys_id": "fa149f020b70020c0aac66da4b10c8f8",
            "number": "INC0010001",
            "short_description": "Checkout answers 500",
            "description": "",
            "state": "1",
            "priority": "2",
            "urgency": "1",
            "impact": "2",
            "sys_created_on": "2026-01-10 10:00:00",
            "url": "https://example.service-now.com/nav_to.do?uri=incident.do%3Fsys_id%3Dfa149f020b70020c0aac66da4b10c8f8",
            "ignored_fields": [],
        },
        refused={
            "invalid_table": Refused(
                Request(
                    body={"work_note": "Hello"}, path={"table": "sys_user", "id": "INC0010001"}
                ),
                422,
                ["table"],
            ),
            "invalid_blank_note": Refused(
                Request(body={"work_note": "  "}, path={"table": "incidents", "id": "INC0010001"}),
                422,
                ["work_note"],
            ),
        },
        servicenow_calls=2,
    )
}
