"""GET /api/servicenow/incidents/{id}/attachments, and of each further type of tickets."""

from functions.operation import Operation, Refused, Request


def attachment(table: str) -> dict[str, str]:
    """Return an example of an attachment's description."""
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


def _listed(table: str, noun: str, number: str) -> Operation:
    return Operation(
        id=f"list_{table}_attachments",
        tag="Attachments",
        summary=f"List what is attached to {noun}",
        request=Request(path={"id": number}),
        answer="Attachments",
        example={"attachments": [attachment(table)]},
        refused={"invalid_id": Refused(Request(path={"id": "all"}), 422, ["id"])},
        servicenow_calls=2,
    )


OPERATIONS = {
    "GET /api/servicenow/incidents/{id}/attachments": _listed(
        "incident", "an incident", "INC0010001"
    ),
    "GET /api/servicenow/change-requests/{id}/attachments": _listed(
        "change_request", "a change request", "CHG0030001"
    ),
    "GET /api/servicenow/problems/{id}/attachments": _listed("problem", "a problem", "PRB0040001"),
    "GET /api/servicenow/security-incidents/{id}/attachments": _listed(
        "sn_si_incident", "a security incident", "SIR0010001"
    ),
}
