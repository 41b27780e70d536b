"""GET /api/servicenow/capabilities."""

from functions.operation import CONNECT, Operation, Refused, Request

OPERATIONS = {
    "GET /api/servicenow/capabilities": Operation(
        id="get_capabilities",
        tag="Connection",
        summary="What the instance allows the user's connection, and what follows",
        answer="Capabilities",
        example={
            "instance": "https://example.service-now.com",
            "as_of": "2026-01-10T10:00:00Z",
            "capabilities": [
                {
                    "name": "roles",
                    "status": "yes",
                    "values": ["itil", "sn_change_write"],
                    "means": "The user can open incidents and changes.",
                    "remedy": "",
                },
                {
                    "name": "journals",
                    "status": "no",
                    "values": [],
                    "means": "A work note may be added twice after a time-out.",
                    "remedy": "Let the user read sys_journal_field (role itil, as a rule).",
                },
            ],
        },
        refused={
            "invalid_fresh": Refused(Request(query={"fresh": "perhaps"}), 422, ["fresh"]),
        },
        # Asked once a day: what is remembered costs ServiceNow nothing.
        cold_calls={**CONNECT, "BatchGetItem": 2, "UpdateItem": 2},
        warm_calls={"BatchGetItem": 1},
    )
}
