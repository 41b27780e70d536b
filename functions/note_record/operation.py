"""Work notes, on the records of each table that takes them."""

from functions.operation import Operation, Refused, Request


def _noted(name: str, noun: str, number: str) -> Operation:
    path = {"id": number}
    return Operation(
        id=f"note_{name}",
        tag="Work notes",
        summary=f"Add a work note to {noun}",
        status=201,
        request=Request(body={"work_note": "The second provider has confirmed."}, path=path),
        answer="Ticket",
        example={
            "sys_id": "fa149f020b70020c0aac66da4b10c8f8",
            "number": number,
            "short_description": "Checkout answers 500",
            "state": "1",
            "url": f"https://example.service-now.com/nav_to.do?uri={name}.do%3Fsys_id%3Dfa149f020b70020c0aac66da4b10c8f8",
            "ignored_fields": [],
        },
        refused={
            "invalid_blank_note": Refused(
                Request(body={"work_note": "  "}, path=path), 422, ["work_note"]
            ),
        },
        servicenow_calls=2,
    )


OPERATIONS = {
    "POST /api/servicenow/incidents/{id}/work-notes": _noted(
        "incident", "an incident", "INC0010001"
    ),
    "POST /api/servicenow/change-requests/{id}/work-notes": _noted(
        "change_request", "a change request", "CHG0030001"
    ),
    "POST /api/servicenow/problems/{id}/work-notes": _noted("problem", "a problem", "PRB0040001"),
    "POST /api/servicenow/security-incidents/{id}/work-notes": _noted(
        "sn_si_incident", "a security incident", "SIR0010001"
    ),
    "POST /api/servicenow/change-tasks/{id}/work-notes": _noted(
        "change_task", "a change task", "CTASK0010001"
    ),
}
