"""POST /api/servicenow/rules/preview: the tickets that an example event would make."""

from typing import Annotated

from aws_lambda_powertools.event_handler import Response

from actionsync.events.preview import preview
from actionsync.http.api import UserId, entrypoint, json_body, ok
from actionsync.http.events import rules_of
from actionsync.http.servicenow import api
from actionsync.http.tickets import CallersClients
from actionsync.rules.models import RulesPreview
from actionsync.runtime import run

app = api()


@app.post("/api/servicenow/rules/preview")
def preview_rules(
    user_id: UserId,
    asked: Annotated[RulesPreview, json_body(RulesPreview)],
    sessions: CallersClients,
) -> Response[str]:
    """Answer 200 with the tickets and the instance's objections; nothing is written."""
    rules = asked.rules or rules_of(user_id)
    return ok(run(preview(user_id, asked, rules, sessions)))


lambda_handler = entrypoint(app)
