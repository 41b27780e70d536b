"""POST /api/servicenow/incidents/{id}/attachments, and of each further type of tickets."""

from functions.operation import Operation, Refused, Request


def _attachment(table: str) -> dict[str, str]:
    return {
        "sys_id": "615ea769c0a80166001cf5f2367302f5",
        "file_name": "trace.txt",
        "content_type": "text/plain",
        "size_bytes": "32",
        "hash": "a83caac71a30cced470c7d70d2a3f3cb730c5ea0688738736a6322caa0d42ae8",
        "sys_created_on": "2026-01-10 10:00:00",
        "table_name": table,
        "download_link": "https://example.service-now.com/api/now/attachment/615ea769c0a80166001cf5f2367302f5/file",
        "url": "https://example.service-now.com/nav_to.do?uri=sys_attachment.do%3Fsys_id%3D615ea769c0a80166001cf5f2367302f5",
    }


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
        example=_attachment(table),
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
