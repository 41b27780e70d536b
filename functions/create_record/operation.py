"""POST /api/servicenow/{tickets} of the types that share it, …/attachments, and /import-sets/{staging}."""

from actionsync.errors import ImportUncertainError
from functions.list_attachments.operation import attachment
from functions.operation import Operation, Refused, Request


def _attached(table: str, noun: str, number: str) -> Operation:
    path, query = {"id": number}, {"file_name": "trace.txt"}
    return Operation(
        id=f"create_{table}_attachment",
        tag="Attachments",
        summary=f"Attach a file of at most 4 MiB to {noun}",
        status=201,
        request=Request(
            body="KeyError: 'price'\n  in charge()\n",
            path=path,
            query=query,
            headers={"content-type": "text/plain"},
        ),
        answer="Attachment",
        example=attachment(table),
        refused={
            "invalid_no_file": Refused(Request(path=path, query=query), 400),
            "invalid_form": Refused(
                Request(
                    body="--x",
                    path=path,
                    query=query,
                    headers={"content-type": "multipart/form-data; boundary=x"},
                ),
                415,
            ),
            "invalid_path_in_name": Refused(
                Request(body="x", path=path, query={"file_name": "../trace.txt"}),
                422,
                ["file_name"],
            ),
        },
        servicenow_calls=2,
        updates=0,
    )


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
    ),
    "POST /api/servicenow/security-incidents": Operation(
        id="create_security_incident",
        tag="Security incidents",
        summary="Open a security incident as the calling user",
        status=201,
        request=Request(
            body={
                "short_description": "Keys of a build user were used from abroad",
                "urgency": "high",
                "impact": "medium",
                "category": "Unauthorized access",
            },
        ),
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
            "ignored_fields": [],
        },
        refused={
            "invalid_level": Refused(
                Request(body={"short_description": "Keys were used", "urgency": ""}),
                422,
                ["urgency"],
            ),
        },
        servicenow_calls=1,
    ),
    "POST /api/servicenow/import-sets/{staging}": Operation(
        id="create_import",
        tag="Import sets",
        summary="Stage a row, which the instance's transform turns into a record",
        status=201,
        request=Request(
            body={
                "fields": {
                    "u_short_description": "Checkout answers 500",
                    "u_correlation_id": "checkout",
                }
            },
            path={"staging": "u_incident_import"},
        ),
        answer="Imports",
        example={
            "imported": [
                {
                    "status": "inserted",
                    "table": "incident",
                    "sys_id": "fa149f020b70020c0aac66da4b10c8f8",
                    "number": "INC0010001",
                    "message": "",
                }
            ]
        },
        errors=(ImportUncertainError,),
        refused={
            "invalid_no_columns": Refused(
                Request(body={"fields": {}}, path={"staging": "u_incident_import"}),
                422,
                ["fields"],
            ),
            "invalid_staging": Refused(
                Request(
                    body={"fields": {"u_short_description": "x"}}, path={"staging": "No table"}
                ),
                422,
                ["staging"],
            ),
        },
        servicenow_calls=1,
    ),
    "POST /api/servicenow/incidents/{id}/attachments": _attached(
        "incident", "an incident", "INC0010001"
    ),
    "POST /api/servicenow/change-requests/{id}/attachments": _attached(
        "change_request", "a change request", "CHG0030001"
    ),
    "POST /api/servicenow/problems/{id}/attachments": _attached(
        "problem", "a problem", "PRB0040001"
    ),
    "POST /api/servicenow/security-incidents/{id}/attachments": _attached(
        "sn_si_incident", "a security incident", "SIR0010001"
    ),
}
