"""The tickets that an example event would make, and what the instance would say to them."""

from typing import TYPE_CHECKING, Any

from actionsync.errors import ActionSyncError, FieldError, InvalidInputError
from actionsync.events import drafts
from actionsync.events.models import IncomingEvent, UnreadableEventError
from actionsync.events.readers import READERS, Context
from actionsync.events.sources import envelopes
from servicenow_tools.errors import ServiceNowError

if TYPE_CHECKING:
    from actionsync.connections.sessions import ClientCache
    from actionsync.rules.models import Rules, RulesPreview

_EXAMPLE_ID = {"id": "preview", "source": "preview", "time": "2024-01-10T10:00:00Z"}


async def preview(
    user_id: str, asked: "RulesPreview", rules: "Rules", sessions: "ClientCache"
) -> dict[str, Any]:
    """Return `{tickets: [...], checked}`; nothing is written.

    Each ticket is `{wanted, table, columns, problems}`; `problems` are the instance's objections,
    as `[{field, message}]`. `checked` is false where the instance could not be asked.

    Raises:
        InvalidInputError: the example is no event of its kind.
    """
    try:
        events = _events(user_id, asked, rules)
    except UnreadableEventError as error:
        field, _, text = str(error).partition(": ")
        raise InvalidInputError(
            FieldError(f"event.{field}" if text else "event", text or field)
        ) from None
    tickets: list[dict[str, Any]] = []
    for event in events:
        rule = drafts.rule_for(event, rules)
        if rule is None:
            tickets.append({"wanted": False, "table": None, "columns": {}, "problems": []})
            continue
        draft = drafts.ticket(event, rule, event.texts, f"actionsync-{event.dedup_key}")
        tickets.append(
            {
                "wanted": True,
                "table": draft.table,
                "columns": {
                    **draft.columns,
                    **({"type": draft.options["type_"]} if draft.options else {}),
                },
                "problems": [],
            }
        )
    checked = False
    try:
        async with sessions.calling(user_id) as client:
            for item in tickets:
                if item["wanted"]:
                    found = await client.preview_record(item["table"], item["columns"])
                    item["problems"] = [
                        {"field": problem.field, "message": problem.message}
                        for problem in found.problems
                    ]
        checked = True
    except (ActionSyncError, ServiceNowError):
        pass  # without a connection, or while it is away, the texts can still be looked at
    return {"tickets": tickets, "checked": checked}


def _events(user_id: str, asked: "RulesPreview", rules: "Rules") -> list[IncomingEvent]:
    event = dict(asked.event)
    if "detail" in event:
        detail = event["detail"]
        is_aws = str(event.get("source", "")).startswith("aws.")
        if isinstance(detail, dict) and not is_aws:
            event["detail"] = {**detail, "user_id": user_id}
        message = envelopes.from_event({**_EXAMPLE_ID, "detail-type": "Preview", **event})
    else:
        # The message of an SNS notification.
        message = envelopes.Message(
            id="preview",
            type="",
            source="",
            time=envelopes.moment(_EXAMPLE_ID["time"], "time"),
            resources=(),
            detail={**event, "user_id": user_id},
        )
    return READERS[asked.kind](message, Context(message.time, user_id, rules))
