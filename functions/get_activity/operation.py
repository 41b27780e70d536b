"""GET /api/servicenow/activity."""

from functions.operation import Operation, Refused, Request

OPERATIONS = {
    "GET /api/servicenow/activity": Operation(
        id="get_activity",
        tag="Events",
        summary="The calling user's audit trail, newest first",
        request=Request(query={"limit": "20"}),
        answer="ActivityPage",
        further_content_types=("text/csv",),
        example={
            "items": [
                {
                    "id": "f1f2bceb15644cbfb3eeb18375a3e0e2",
                    "at": "2026-01-10T10:00:00.000Z",
                    "kind": "api",
                    "action": "created",
                    "outcome": "done",
                    "table": "incident",
                    "number": "INC0010001",
                    "sys_id": "c01c3ee374298990599555a05636ca00",
                    "url": "https://example.service-now.com/nav_to.do?uri=incident.do%3Fsys_id%3Dc01c3ee374298990599555a05636ca00",
                    "correlation_id": "actionsync-4e1a0f6f7d8a4c0d9b7b3a4c5d6e7f80",
                    "cause": "create incident",
                    "fields": ["short_description"],
                    "after": {"state": "1"},
                }
            ],
            "next": "MjAyNi0wMS0xMFQxMDowMDowMC4wMDAwMDBaIzAwMDAwMDAxIzAxMjM0NTY3.0123456789abcdef",
        },
        refused={
            "invalid_limit": Refused(Request(query={"limit": "1000"}), 422, ["limit"]),
            "invalid_cursor": Refused(Request(query={"cursor": "RULES#x"}), 422, ["cursor"]),
            "invalid_since": Refused(Request(query={"since": "yesterday"}), 422, ["since"]),
            "invalid_outcome": Refused(Request(query={"outcome": "lost"}), 422, ["outcome"]),
        },
        cold_calls={"Query": 1, "UpdateItem": 1},
        warm_calls={"Query": 1},
    )
}
