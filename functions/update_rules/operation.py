"""PUT /api/servicenow/rules and /notices."""

from actionsync import errors
from actionsync.rules.models import Rules
from functions.operation import Operation, Refused, Request

_RULES = {
    "errors": {
        "severities": ["critical", "high", "medium"],
        "assignment_group": "IT Support",
        "category": "software",
        "short_description": "[{{service}}] {{title}}",
        "recurrence": {"note_every_minutes": 30, "reopen_within_hours": 24},
    },
    "alarms": {"end": {"do": "resolve"}},
    "deployments": {"change_type": "standard", "template": "Deploy a service"},
}

OPERATIONS = {
    "PUT /api/servicenow/rules": Operation(
        id="update_rules",
        tag="Events",
        summary="Replace the calling user's rules",
        request=Request(body=_RULES),
        answer="Rules",
        example=Rules.model_validate(_RULES).model_dump(mode="json"),
        refused={
            "invalid_template": Refused(
                Request(body={"errors": {"short_description": "{{#service}} {{title}}"}}),
                422,
                ["errors.short_description"],
            ),
            "invalid_name_in_template": Refused(
                Request(body={"errors": {"description": "{{password}}"}}),
                422,
                ["errors.description"],
            ),
            "invalid_column": Refused(
                Request(body={"errors": {"fields": {"correlation_id": "mine"}}}),
                422,
                ["errors.fields"],
            ),
            "invalid_old_version": Refused(
                Request(
                    body={
                        "errors": {
                            "severities": ["critical", "high", "medium"],
                            "assignment_group": "IT Support",
                            "category": "software",
                            "short_description": "[{{service}}] {{title}}",
                            "recurrence": {"note_every_minutes": 30, "reopen_within_hours": 24},
                        },
                        "alarms": {"end": {"do": "resolve"}},
                        "deployments": {"change_type": "standard", "template": "Deploy a service"},
                    },
                    headers={"if-match": '"7"'},
                ),
                412,
            ),
        },
        cold_calls={"UpdateItem": 2, "PutItem": 2},
        warm_calls={"UpdateItem": 1, "PutItem": 2},
    ),
    "PUT /api/servicenow/notices": Operation(
        id="update_notices",
        tag="Events",
        summary="Set the address to which the calling user's notices go",
        request=Request(body={"email": "ada@example.com"}),
        answer="Notices",
        example={"email": "ada@example.com", "is_confirmed": False},
        errors=(errors.AddressTakenError,),
        refused={
            "invalid_email": Refused(Request(body={"email": "ada at example"}), 422, ["email"]),
            "invalid_no_email": Refused(Request(body={}), 422, ["email"]),
        },
        cold_calls={
            "UpdateItem": 3,
            "PutItem": 3,
            "GetItem": 1,
            "Subscribe": 1,
            "GetSubscriptionAttributes": 1,
        },
        warm_calls={
            "UpdateItem": 2,
            "PutItem": 3,
            "GetItem": 1,
            "Subscribe": 1,
            "GetSubscriptionAttributes": 1,
        },
    ),
}
