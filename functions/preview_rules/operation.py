"""POST /api/servicenow/rules/preview, /check and /replay, and GET /api/servicenow/context."""

from functions.operation import Operation, Refused, Request

OPERATIONS = {
    "POST /api/servicenow/rules/preview": Operation(
        id="preview_rules",
        tag="Events",
        summary="The tickets that an example event would make",
        request=Request(
            body={
                "kind": "error",
                "event": {
                    "user_id": "ignored",
                    "service": "checkout",
                    "severity": "critical",
                    "message": "Payment 4711 failed: timeout",
                    "stack_trace": 'Traceback (most recent call last):\n  File "pay.py", line 7, in pay\nTimeoutError',
                    "environment": "production",
                    "url": "https://logs.example.com/1",
                },
            }
        ),
        answer="RulesPreviewed",
        example={
            "tickets": [
                {
                    "wanted": True,
                    "source": "application",
                    "key": "checkout\nproduction\n1b2c3d4e",
                    "overlaps": [],
                    "action": "trigger",
                    "rule": {"name": "errors", "is_fallback": True},
                    "reason": "",
                    "passed": [],
                    "assumptions": [],
                    "table": "incident",
                    "columns": {
                        "short_description": "checkout: Payment 4711 failed: timeout",
                        "description": 'Payment 4711 failed: timeout\n\nService: checkout (production)\nSeverity: critical\nFirst seen: 2024-01-10T10:00:00Z\nhttps://logs.example.com/1\n\nTraceback (most recent call last):\n  File "pay.py", line 7, in pay\nTimeoutError\n',
                        "correlation_id": "actionsync-2289f2e0c92f7545a075e3b1d58ae96f",
                        "correlation_display": "ActionSync",
                        "urgency": "1",
                        "impact": "1",
                    },
                    "problems": [],
                    "unchecked": [],
                }
            ],
            "checked": True,
            "rejected": [],
        },
        refused={
            "invalid_event": Refused(
                Request(body={"kind": "error", "event": {"service": "checkout"}}),
                422,
                ["event.message"],
            ),
            "invalid_rule": Refused(
                Request(
                    body={
                        "kind": "error",
                        "event": {
                            "user_id": "ignored",
                            "service": "checkout",
                            "severity": "critical",
                            "message": "Payment 4711 failed: timeout",
                            "stack_trace": 'Traceback (most recent call last):\n  File "pay.py", line 7, in pay\nTimeoutError',
                            "environment": "production",
                            "url": "https://logs.example.com/1",
                        },
                        "rules": {"errors": {"levels": {"high": {"urgency": "", "impact": "1"}}}},
                    }
                ),
                422,
                ["rules.errors.levels.high.urgency"],
            ),
        },
        servicenow_calls=1,
        cold_calls={
            "GetItem": 2,
            "Query": 1,
            "BatchGetItem": 1,
            "GetSecretValue": 1,
            "UpdateItem": 1,
        },
        warm_calls={"GetItem": 1, "Query": 1},
    ),
    "POST /api/servicenow/rules/check": Operation(
        id="check_rules",
        tag="Events",
        summary="What the instance objects to in rules that are not saved yet",
        request=Request(body={"rules": {"errors": {"assignment_group": "IT Support"}}}),
        answer="RulesChecked",
        example={
            "rules": {"errors": {"assignment_group": "IT Support"}},
            "problems": [],
            "unchecked": [],
        },
        refused={
            "invalid_minutes": Refused(
                Request(body={"rules": {"errors": {"recurrence": {"note_every_minutes": 0}}}}),
                422,
                ["rules.errors.recurrence.note_every_minutes"],
            ),
        },
        servicenow_calls=1,
        cold_calls={"GetItem": 1, "BatchGetItem": 1, "GetSecretValue": 1, "UpdateItem": 1},
        warm_calls={},
    ),
    "POST /api/servicenow/rules/replay": Operation(
        id="replay_rules",
        tag="Events",
        summary="What would have become of the newest events by rules that are not saved",
        request=Request(body={"rules": {"errors": {"severities": ["critical"]}}}),
        answer="RulesReplayed",
        example={"events": 0, "unread": 0, "keys": [], "totals": {}},
        refused={
            "invalid_hold": Refused(
                Request(body={"rules": {"errors": {"hold": {"minutes": 0}}}}),
                422,
                ["rules.errors.hold.minutes"],
            ),
        },
        cold_calls={"Query": 1, "UpdateItem": 1},
        warm_calls={"Query": 1},
    ),
    "GET /api/servicenow/context": Operation(
        id="get_context",
        tag="Events",
        summary="What is going on at a service: open tickets, changes under way, deployments",
        request=Request(query={"service": "checkout"}),
        answer="Context",
        example={
            "service": "checkout",
            "tickets": [
                {
                    "number": "INC0010001",
                    "short_description": "checkout: Payment 4711 failed: timeout",
                    "state": "New",
                    "priority": "1 - Critical",
                    "opened_at": "2026-01-10 10:00:00",
                    "url": "https://example.service-now.com/nav_to.do?uri=incident.do%3Fsys_id%3D0cef4f3e5df76b89088e888a129f8697",
                }
            ],
            "changes": [
                {
                    "number": "CHG0030001",
                    "sys_id": "c286d61347c12200e0ef563dbb9a71df",
                    "short_description": "New database",
                    "start": "2026-01-10T09:30:00Z",
                    "end": "2026-01-10T11:00:00Z",
                    "is_open": True,
                }
            ],
            "deployments": [
                {
                    "number": "CHG0030002",
                    "title": "checkout 2.4.0",
                    "environment": "production",
                    "outcome": "succeeded",
                    "at": "2026-01-10T09:50:00Z",
                }
            ],
        },
        refused={
            "invalid_service": Refused(
                Request(query={"service": "a^active=true"}), 422, ["service"]
            ),
            "invalid_no_service": Refused(Request(), 422, ["service"]),
        },
        servicenow_calls=2,
        cold_calls={
            "GetItem": 1,
            "BatchGetItem": 1,
            "GetSecretValue": 1,
            "UpdateItem": 1,
            "Query": 1,
        },
        warm_calls={"Query": 1},
    ),
}
