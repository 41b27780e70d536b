"""What the API answers: the schemas that no model of the code describes.

Models describe what is sent, and what a store or the client returns; these describe documents that
the functions put together.
"""

from typing import Any, get_args

from actionsync.audit.health import ConnectionState

REF = "#/components/schemas/"
_TEXT = {"type": "string"}
_MOMENT = {"type": "string", "format": "date-time"}

_TICKET = {
    "type": "object",
    "description": "The record as ServiceNow gives it, with its link and, after a write, what "
    "ServiceNow dropped or changed.",
    "required": ["sys_id", "url"],
    "properties": {
        "sys_id": {"type": "string"},
        "number": {"type": "string"},
        "url": {"type": "string", "format": "uri"},
        "is_cut": {
            "type": "boolean",
            "description": "The answer to a repeated key is in short: texts are cut.",
        },
        "ignored_fields": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {"field": {"type": "string"}, "sent": {}, "stored": {}},
            },
        },
    },
    "additionalProperties": True,
}
_ATTACHMENT = {
    "type": "object",
    "description": "The record of sys_attachment as ServiceNow gives it, with its link.",
    "required": ["sys_id", "file_name", "url"],
    "properties": {
        "sys_id": _TEXT,
        "file_name": _TEXT,
        "content_type": _TEXT,
        "size_bytes": {**_TEXT, "description": "Digits, as ServiceNow gives them."},
        "hash": {**_TEXT, "description": "The content's SHA-256."},
        "download_link": {**_TEXT, "description": "The content, for who signs in to ServiceNow."},
        "url": {"type": "string", "format": "uri"},
    },
    "additionalProperties": True,
}
_RECIPE: dict[str, Any] = {
    "type": "object",
    "required": ["name", "recipe"],
    "properties": {"name": _TEXT, "recipe": {"type": "object"}},
}
_WEBHOOK: dict[str, Any] = {
    "type": "object",
    "required": ["id", "source", "name", "dry_run", "path", "created_at"],
    "properties": {
        "id": _TEXT,
        "source": _TEXT,
        "name": _TEXT,
        "dry_run": {"type": "boolean"},
        "verification": {"type": ["string", "null"]},
        "connection": {"type": ["string", "null"]},
        "path": _TEXT,
        "created_at": _MOMENT,
    },
}
_OUTCOME = (
    "What was done for the event: created, noted, reopened, resolved, closed, held (no ticket "
    "yet), healed (over before it had one), ignored (by a rule), skipped, waiting, failed, dropped "
    "or dry_run; several where its batch did several. deduplicated: it is counted, and "
    "another event of its key did the work."
)
_DELIVERY: dict[str, Any] = {
    "type": "object",
    "required": ["id", "at", "events"],
    "properties": {
        "id": _TEXT,
        "at": _MOMENT,
        "events": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["at", "name", "outcome", "ticket", "detail", "can_be_sent_again"],
                "properties": {
                    "at": _MOMENT,
                    "name": _TEXT,
                    "outcome": {"type": "string", "description": _OUTCOME},
                    "ticket": {
                        "type": ["object", "null"],
                        "properties": {"number": _TEXT, "url": _TEXT},
                    },
                    "detail": _TEXT,
                    "can_be_sent_again": {"type": "boolean"},
                    "event": {"description": "What was sent; absent or null where too large."},
                },
            },
        },
    },
}
_DELIVERY_STATUSES = [
    "accepted", "ignored", "duplicate", "test", "dry_run", "unsupported", "unreadable",
    "waiting", "dropped",
]  # fmt: skip

ANSWERS: dict[str, Any] = {
    "SignIn": {
        "type": "object",
        "required": ["url", "redirect_uri", "expires_in"],
        "properties": {
            "url": {"type": "string", "format": "uri", "description": "The instance's own page."},
            "redirect_uri": {
                "type": "string",
                "format": "uri",
                "description": "Where ServiceNow sends the person: the application's redirect URL.",
            },
            "expires_in": {"type": "integer"},
        },
    },
    "Connections": {
        "type": "object",
        "required": ["connections", "teams"],
        "properties": {
            "connections": {"type": "array", "items": {"$ref": f"{REF}Connection"}},
            "teams": {
                "type": "array",
                "description": "The teams that the caller is in.",
                "items": {
                    "type": "object",
                    "required": ["name", "role"],
                    "properties": {"name": _TEXT, "role": {"enum": ["member", "editor"]}},
                },
            },
        },
    },
    "Ticket": _TICKET,
    "Attachment": _ATTACHMENT,
    "Attachments": {
        "type": "object",
        "required": ["attachments"],
        "properties": {"attachments": {"type": "array", "items": {"$ref": f"{REF}Attachment"}}},
    },
    "IncidentPage": {
        "type": "object",
        "required": ["incidents", "total", "next_cursor"],
        "properties": {
            "incidents": {"type": "array", "items": {"$ref": f"{REF}Ticket"}},
            "total": {"type": ["integer", "null"]},
            "next_cursor": {"type": ["string", "null"]},
        },
    },
    "Choices": {
        "type": "object",
        "required": ["table", "field", "choices"],
        "properties": {
            "table": {"type": "string"},
            "field": {"type": "string"},
            "choices": {
                "type": "array",
                "items": {
                    "type": "object",
                    "required": ["value", "label"],
                    "properties": {
                        "value": {**_TEXT, "description": "What is stored."},
                        "label": {**_TEXT, "description": "What people read."},
                        "detail": {
                            **_TEXT,
                            "description": "Of a record: what tells two of one label apart.",
                        },
                    },
                },
            },
        },
    },
    "Capabilities": {
        "type": "object",
        "required": ["instance", "as_of", "capabilities"],
        "properties": {
            "instance": {"type": "string"},
            "as_of": {**_MOMENT, "description": "When the instance was asked."},
            "capabilities": {
                "type": "array",
                "items": {
                    "type": "object",
                    "required": ["name", "status", "values", "means", "remedy"],
                    "properties": {
                        "name": {"type": "string"},
                        "status": {
                            "enum": ["yes", "no", "unknown"],
                            "description": "unknown where the user may not look.",
                        },
                        "values": {
                            "type": "array",
                            "items": {"type": "string"},
                            "description": "What was found, in ServiceNow's own codes.",
                        },
                        "means": {"type": "string", "description": "What follows for tickets."},
                        "remedy": {
                            "type": "string",
                            "description": "What an administrator of the instance can change.",
                        },
                    },
                },
            },
        },
    },
    "Imports": {
        "type": "object",
        "description": "What each transform made of a row.",
        "required": ["imported"],
        "properties": {
            "imported": {
                "type": "array",
                "items": {
                    "type": "object",
                    "required": ["status", "table", "sys_id", "number", "message"],
                    "properties": {
                        name: {"type": "string"}
                        for name in ("status", "table", "sys_id", "number", "message")
                    },
                },
            },
        },
    },
    "Problem": {
        "type": "object",
        "description": "Problem details (RFC 9457).",
        "required": ["type", "title", "status", "detail", "instance"],
        "properties": {
            "type": {"type": "string"},
            "title": {"type": "string"},
            "status": {"type": "integer"},
            "detail": {"type": "string"},
            "instance": {"type": "string", "description": "The request's id, also in the log."},
            "errors": {
                "type": "array",
                "items": {
                    "type": "object",
                    "required": ["field", "message"],
                    "properties": {"field": {"type": "string"}, "message": {"type": "string"}},
                },
            },
            "servicenow": {
                "type": "object",
                "description": "ServiceNow's own message.",
                "properties": {
                    "status": {"type": "integer"},
                    "message": {"type": ["string", "null"]},
                    "detail": {"type": ["string", "null"]},
                },
            },
        },
    },
    "RulesChecked": {
        "type": "object",
        "required": ["rules", "problems", "unchecked"],
        "properties": {
            "rules": {"type": "object", "description": "The rules whole, with every default."},
            "problems": {"type": "array", "items": {"$ref": f"{REF}FieldText"}},
            "unchecked": {
                "type": "array",
                "description": "What the instance could not be asked about, and why.",
                "items": {"$ref": f"{REF}FieldText"},
            },
        },
    },
    "FieldText": {
        "type": "object",
        "required": ["field", "message"],
        "properties": {"field": _TEXT, "message": _TEXT},
    },
    "RulesReplayed": {
        "type": "object",
        "description": "What would have become of an owner's newest events, by dedup key. A ticket "
        "for many has an entry of its own, which its members name as `group`.",
        "required": ["events", "unread", "keys", "totals"],
        "properties": {
            "events": {"type": "integer"},
            "unread": {"type": "integer", "description": "How many could not be read."},
            "totals": {"type": "object", "additionalProperties": {"type": "integer"}},
            "keys": {
                "type": "array",
                "items": {
                    "type": "object",
                    "required": [
                        "key",
                        "source",
                        "kind",
                        "name",
                        "title",
                        "rule",
                        "group",
                        "outcomes",
                    ],
                    "properties": {
                        "key": _TEXT,
                        "source": _TEXT,
                        "kind": _TEXT,
                        "name": _TEXT,
                        "title": _TEXT,
                        "rule": _TEXT,
                        "group": {"anyOf": [_TEXT, {"type": "null"}]},
                        "outcomes": {
                            "type": "array",
                            "items": {
                                "type": "object",
                                "required": ["at", "outcome"],
                                "properties": {"at": _TEXT, "outcome": _TEXT},
                            },
                        },
                    },
                },
            },
        },
    },
    "Context": {
        "type": "object",
        "description": "What is going on at a service.",
        "required": ["service", "tickets", "changes", "deployments"],
        "properties": {
            "service": _TEXT,
            "tickets": {
                "type": "array",
                "description": "Open incidents of the CI or service, or whose short description "
                "names it, the newest first; 20 at most.",
                "items": {
                    "type": "object",
                    "properties": dict.fromkeys(
                        ("number", "short_description", "state", "priority", "opened_at", "url"),
                        _TEXT,
                    ),
                },
            },
            "changes": {
                "type": "array",
                "description": "Approved changes whose planned time is open, or opens within the "
                "hour.",
                "items": {
                    "type": "object",
                    "properties": {
                        **dict.fromkeys(("number", "sys_id", "short_description"), _TEXT),
                        "start": _MOMENT,
                        "end": _MOMENT,
                        "is_open": {"type": "boolean"},
                    },
                },
            },
            "deployments": {
                "type": "array",
                "description": "What was deployed in the last two hours and became a change.",
                "items": {
                    "type": "object",
                    "properties": {
                        **dict.fromkeys(("number", "title", "environment", "outcome"), _TEXT),
                        "at": _MOMENT,
                    },
                },
            },
        },
    },
    "Notices": {
        "type": "object",
        "description": "Where an owner's notices go besides the stack's bus.",
        "required": ["email", "is_confirmed"],
        "properties": {
            "email": {"type": ["string", "null"]},
            "is_confirmed": {
                "type": "boolean",
                "description": "Whether who reads it has followed the link that SNS sent. Until "
                "then it gets nothing.",
            },
        },
    },
    "RulesPreviewed": {
        "type": "object",
        "description": "The tickets that an example event would make; `checked` tells whether the "
        "instance was asked.",
        "required": ["tickets", "checked", "rejected"],
        "properties": {
            "rejected": {
                "type": "array",
                "description": "Parts of the event that make no ticket.",
                "items": {
                    "type": "object",
                    "required": ["name", "reason"],
                    "properties": {"name": _TEXT, "reason": _TEXT},
                },
            },
            "tickets": {
                "type": "array",
                "items": {
                    "type": "object",
                    "required": [
                        "wanted",
                        "source",
                        "key",
                        "overlaps",
                        "action",
                        "rule",
                        "reason",
                        "passed",
                        "assumptions",
                        "table",
                        "columns",
                        "problems",
                        "unchecked",
                    ],
                    "properties": {
                        "wanted": {"type": "boolean"},
                        "source": _TEXT,
                        "key": {
                            "type": "string",
                            "description": "What identifies the thing: equal ones are one ticket.",
                        },
                        "overlaps": {
                            "type": "array",
                            "description": "Sources that are on and report the same things.",
                            "items": _TEXT,
                        },
                        "action": {"type": "string", "enum": ["trigger", "resolve", "annotate"]},
                        "rule": {
                            "type": "object",
                            "description": "The rule that fires: one of the list, else the "
                            "fallback of the event's source.",
                            "required": ["name", "is_fallback"],
                            "properties": {"name": _TEXT, "is_fallback": {"type": "boolean"}},
                        },
                        "reason": {
                            "type": "string",
                            "description": "Why the event makes no ticket, or empty.",
                        },
                        "passed": {
                            "type": "array",
                            "description": "The rules before it, each with the first condition "
                            "that the event does not meet.",
                            "items": {
                                "type": "object",
                                "required": ["rule", "reason"],
                                "properties": {"rule": _TEXT, "reason": _TEXT},
                            },
                        },
                        "assumptions": {
                            "type": "array",
                            "items": _TEXT,
                            "description": "What of the event was assumed, cut or left out.",
                        },
                        "unchecked": {
                            "type": "array",
                            "items": _TEXT,
                            "description": "Columns that the instance could not be asked about: "
                            "the user may not read its dictionary.",
                        },
                        "table": {"type": ["string", "null"]},
                        "columns": {"type": "object", "additionalProperties": True},
                        "problems": {
                            "type": "array",
                            "description": "The instance's objections.",
                            "items": {
                                "type": "object",
                                "required": ["field", "message"],
                                "properties": {
                                    "field": {"type": ["string", "null"]},
                                    "message": _TEXT,
                                },
                            },
                        },
                    },
                },
            },
            "checked": {"type": "boolean"},
        },
    },
    "GatePage": {
        "type": "object",
        "description": "A page of gates: those that wait first, then the others, the newest first.",
        "required": ["items", "next"],
        "properties": {
            "items": {"type": "array", "items": {"$ref": f"{REF}Gate"}},
            "next": {"type": ["string", "null"], "description": "The next page's cursor."},
        },
    },
    "Gate": {
        "type": "object",
        "description": "A deployment that waits for its change, or did.",
        "required": [
            "id",
            "url",
            "state",
            "reason",
            "application",
            "environment",
            "deployment_id",
            "attempt",
            "platform",
            "change_number",
            "change_sys_id",
            "change_url",
            "created_at",
            "ends_at",
            "decided_at",
            "answer",
        ],
        "properties": {
            "id": _TEXT,
            "url": {"type": "string", "format": "uri", "description": "Where to look again."},
            "state": {"type": "string", "enum": ["waiting", "go", "no"]},
            "reason": {"type": "string", "description": "Why, for people."},
            "application": _TEXT,
            "environment": _TEXT,
            "deployment_id": _TEXT,
            "attempt": _TEXT,
            "platform": {
                "type": "string",
                "description": "Who hears what was decided; empty where the asker looks.",
            },
            "change_number": {"type": "string", "description": "Empty until it is opened."},
            "change_sys_id": _TEXT,
            "change_url": _TEXT,
            "created_at": _MOMENT,
            "ends_at": {**_MOMENT, "type": ["string", "null"], "description": "Then it is no."},
            "decided_at": {**_MOMENT, "type": ["string", "null"]},
            "answer": {
                "type": "string",
                "enum": ["none", "due", "given", "decided elsewhere", "failed"],
                "description": "What became of the answer to the platform.",
            },
        },
    },
    "UnfinishedEventPage": {
        "type": "object",
        "description": "A page of unfinished events, the newest of a state first.",
        "required": ["items", "next"],
        "properties": {
            "items": {"type": "array", "items": {"$ref": f"{REF}UnfinishedEvent"}},
            "next": {"type": ["string", "null"], "description": "The next page's cursor."},
        },
    },
    "UnfinishedEvent": {
        "type": "object",
        "description": "An event that waits, or has failed.",
        "required": [
            "id",
            "state",
            "kind",
            "source",
            "name",
            "table",
            "reason_type",
            "reason",
            "tries",
            "received_at",
            "since",
            "next_at",
            "is_cut",
        ],
        "properties": {
            "id": _TEXT,
            "state": {"type": "string", "enum": ["waiting", "failed"]},
            "kind": {"type": "string", "description": "What it becomes, where it could be read."},
            "source": {"type": "string", "description": "Who sent it, where it could be read."},
            "name": {"type": "string", "description": "The service or alarm that it is about."},
            "table": {"type": "string", "description": "The table that it is for."},
            "reason_type": _TEXT,
            "reason": {"type": "string", "description": "What ServiceNow, or ActionSync, said."},
            "tries": {"type": "integer", "description": "Its own failures; the fifth is its last."},
            "received_at": _MOMENT,
            "since": _MOMENT,
            "next_at": {**_MOMENT, "type": ["string", "null"], "description": "When it goes on."},
            "is_cut": {"type": "boolean", "description": "Whether it was too large to wait whole."},
        },
    },
    "ActivityPage": {
        "type": "object",
        "description": "A page of the audit trail, the newest first. With a filter it may hold "
        "fewer than asked for, and have a next one all the same.",
        "required": ["items", "next"],
        "properties": {
            "items": {"type": "array", "items": {"$ref": f"{REF}ActivityRecord"}},
            "next": {"type": ["string", "null"], "description": "The next page's cursor."},
        },
    },
    "ActivityRecord": {
        "type": "object",
        "description": "What was done in the user's name.",
        "required": ["id", "at", "kind", "action", "outcome"],
        "properties": {
            "id": _TEXT,
            "at": _MOMENT,
            "kind": {"type": "string", "description": "A kind of event, `api` or `settings`."},
            "action": {"type": "string", "description": "created, noted, resolved, failed, ..."},
            "outcome": {"type": "string", "enum": ["started", "done", "failed", "unknown"]},
            "table": _TEXT,
            "number": _TEXT,
            "sys_id": _TEXT,
            "url": {"type": "string", "description": "Where a person finds the ticket, or empty."},
            "correlation_id": _TEXT,
            "cause": {"type": "string", "description": "The service, alarm or call behind it."},
            "fields": {"type": "array", "items": _TEXT, "description": "Names, never values."},
            "before": {"type": "object", "additionalProperties": True},
            "after": {"type": "object", "additionalProperties": True},
            "reason_type": _TEXT,
            "reason": _TEXT,
            "assumptions": {
                "type": "array",
                "items": _TEXT,
                "description": "What of the event was assumed, cut or left out.",
            },
            "recovered": {
                "type": "boolean",
                "description": "Found by the successor of a dead one.",
            },
        },
    },
    "Health": {
        "type": "object",
        "description": "The health of a user's connection and events. ServiceNow is not called.",
        "required": [
            "connection",
            "last_success",
            "last_failure",
            "pause",
            "failed_events",
            "counted_since",
            "days",
        ],
        "properties": {
            "connection": {
                "type": "object",
                "required": ["state", "instance_url"],
                "properties": {
                    "state": {
                        "type": "string",
                        "enum": list(get_args(ConnectionState)),
                        "description": "paused: nothing is sent to it for a while; refused: "
                        "it refused the stored credentials.",
                    },
                    "instance_url": {"type": ["string", "null"]},
                },
            },
            "last_success": {"type": ["string", "null"], "description": "ServiceNow's last write."},
            "last_failure": {
                "type": ["object", "null"],
                "properties": dict.fromkeys(
                    ("at", "kind", "cause", "reason_type", "reason"), _TEXT
                ),
            },
            "pause": {
                "type": ["object", "null"],
                "required": ["until", "reason"],
                "properties": {"until": _MOMENT, "reason": _TEXT},
            },
            "failed_events": {
                "type": "integer",
                "description": "Unfinished events that have failed and need a person.",
            },
            "counted_since": _MOMENT,
            "days": {
                "type": "array",
                "items": {
                    "type": "object",
                    "required": ["date", "tickets", "updates", "failures"],
                    "properties": {
                        "date": {"type": "string", "format": "date"},
                        **{
                            name: {"type": "integer"} for name in ("tickets", "updates", "failures")
                        },
                    },
                },
            },
        },
    },
    "RecipeView": {"description": "A recipe of one's own.", **_RECIPE},
    "Recipes": {
        "type": "object",
        "description": "One's own recipes, and the built-in ones, which ship off: rules switch "
        "them on, a webhook its own.",
        "required": ["recipes", "built_in"],
        "properties": {
            "recipes": {"type": "array", "items": _RECIPE},
            "built_in": {
                "type": "array",
                "items": {
                    "type": "object",
                    "required": ["name", "title", "sources", "ends", "options", "overlaps"],
                    "properties": {
                        "name": _TEXT,
                        "title": _TEXT,
                        "sources": {"type": "array", "items": _TEXT},
                        "ends": {
                            "type": "string",
                            "enum": ["event", "later_success", "silent", "none"],
                        },
                        "options": {"type": "object", "additionalProperties": _TEXT},
                        "overlaps": {
                            "type": "array",
                            "description": "Sources that report the same things.",
                            "items": _TEXT,
                        },
                    },
                },
            },
        },
    },
    "RecipeSaved": {
        **_RECIPE,
        "description": "A recipe, and the keys of its two beginnings: equal ones are one ticket.",
        "required": [*_RECIPE["required"], "keys", "one_ticket"],
        "properties": {
            **_RECIPE["properties"],
            "keys": {"type": "array", "items": _TEXT},
            "one_ticket": {"type": "boolean"},
        },
    },
    "Webhooks": {
        "type": "object",
        "description": "A user's webhooks; their secrets were shown once.",
        "required": ["webhooks"],
        "properties": {"webhooks": {"type": "array", "items": _WEBHOOK}},
    },
    "WebhookView": {"description": "A webhook, without its secret.", **_WEBHOOK},
    "Webhook": {
        **_WEBHOOK,
        "description": "A webhook, and what is set up at its sender; the secret is shown once.",
        "required": [*_WEBHOOK["required"], "url", "secret", "content_type"],
        "properties": {
            **_WEBHOOK["properties"],
            **dict.fromkeys(("url", "secret", "content_type"), _TEXT),
            "header": {
                "type": ["object", "null"],
                "description": "The header to set, where the sender proves itself by one.",
                "properties": {"name": _TEXT, "value": _TEXT},
            },
            "body": {
                "type": ["string", "null"],
                "description": "The body to paste, where the sender's is free.",
            },
            "steps": {"type": "string", "description": "Where it is set up at the sender."},
        },
    },
    "Deliveries": {
        "type": "object",
        "description": "A webhook's newest deliveries, the newest first.",
        "required": ["deliveries"],
        "properties": {"deliveries": {"type": "array", "items": _DELIVERY}},
    },
    "SentAgain": {
        "type": "object",
        "description": "How many events were queued again.",
        "required": ["events"],
        "properties": {"events": {"type": "integer"}},
    },
    "WebhookAnswer": {
        "type": "object",
        "description": "What became of a delivery.",
        "required": ["status"],
        "properties": {
            "status": {"type": "string", "enum": _DELIVERY_STATUSES},
            "delivery": {"type": "string", "description": "What names the delivery in lists."},
            "events": {"type": "integer", "description": "How many events were queued."},
            "dropped": {"type": "integer", "description": "How many are over the quota."},
            "left_out": {"type": "integer", "description": "How many were too many for one."},
        },
    },
    "ProtocolMessage": {
        "type": "object",
        "description": "A message of JSON-RPC 2.0, as the Model Context Protocol has them.",
        "required": ["jsonrpc"],
        "properties": {
            "jsonrpc": {"const": "2.0"},
            "id": {"type": ["string", "integer", "null"]},
            "result": {"type": "object"},
            "error": {
                "type": "object",
                "required": ["code", "message"],
                "properties": {"code": {"type": "integer"}, "message": _TEXT, "data": {}},
            },
        },
    },
    "Message": {
        "type": "object",
        "description": "What API Gateway answers by itself.",
        "required": ["message"],
        "properties": {"message": {"type": "string"}},
    },
}
