"""What the Settings page has to know of the rules and the audit trail: `make openapi` writes it."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any, get_args

from actionsync.audit.query import ActivityQuery
from actionsync.audit.trail import READ_AT_ONCE
from actionsync.events.senders import names, sender
from actionsync.rules.matching import SEVERITIES
from actionsync.rules.models import GithubEvent
from actionsync.rules.texts import NAMES
from actionsync.stores.credentials import METHODS
from actionsync.tickets.models import LEVELS, RISKS, NewChangeRequest
from functions.update_recipe.operation import BODY as RECIPE

EVENTS = Path(__file__).parent.parent / "events"
# The Rules view tries rules on an event of each.
KINDS = ("error", "alarm", "deployment", "meeting")
PAGES = Path(__file__).parent.parent / "layers/actionsync/actionsync/pages"
FILE = PAGES / "tables.js"
EXAMPLES_FILE = PAGES / "examples.js"


def text() -> str:
    """Return the module with the tables."""
    tables = {
        "SEVERITIES": SEVERITIES,
        "LEVELS": list(LEVELS.items()),
        "RISKS": list(RISKS.items()),
        "CHANGE_TYPES": get_args(NewChangeRequest.model_fields["type"].annotation),
        "GITHUB_EVENTS": get_args(GithubEvent),
        "EVENT_TEXTS": sorted(NAMES),
        "KINDS": _choices("kind"),
        "OUTCOMES": _choices("outcome"),
        "READ_AT_ONCE": READ_AT_ONCE,
        "SENDERS": _senders(),
        "METHODS": {name: asdict(method) for name, method in METHODS.items()},
    }
    return _module(tables)


def examples() -> str:
    """Return the module with what the Rules and the Recipes view begin with."""
    events = {f"{kind}s": _example(f"on_{kind}") for kind in KINDS}
    return _module({"EXAMPLES": events | {"github": _delivery()}, "RECIPE": RECIPE})


def _module(tables: dict[str, Any]) -> str:
    lines = (f"export const {name} = {json.dumps(table)};" for name, table in tables.items())
    return "\n".join(["// Written by `make openapi`: local/page_tables.py.", "", *lines, ""])


def _example(function: str) -> dict[str, Any]:
    """Return what an application or a service says in a function's valid event."""
    (record, *_) = json.loads((EVENTS / function / "valid.json").read_text())["Records"]
    event = json.loads(record["body"])
    event["detail"].pop("user_id", None)
    names = ("source", "detail-type", "resources", "detail")
    return {name: event[name] for name in names if event[name]}


def _delivery() -> dict[str, Any]:
    """Return what GitHub says of a workflow that has failed."""
    delivered = json.loads((EVENTS / "receive_webhook" / "valid.json").read_text())
    body: dict[str, Any] = json.loads(delivered["body"])
    return body


def _senders() -> list[tuple[str, str, bool]]:
    """Return who sends to webhooks: name, title, and whether the secret is made on its side."""
    known = ((name, sender(name)) for name in names())
    rows = [(name, each.title, each.secret_is_its_own) for name, each in known if each]
    return sorted(rows, key=lambda row: row[1].lower())


def _choices(field: str) -> tuple[str, ...]:
    """Return what a filter of the audit trail takes."""
    return get_args(get_args(ActivityQuery.model_fields[field].annotation)[0])
