"""POST /api/servicenow/rules/preview: the tickets that an example event would make."""

from typing import Annotated

from aws_lambda_powertools.event_handler import Response

from actionsync.events.preview import preview
from actionsync.http.api import entrypoint, json_body, ok
from actionsync.http.servicenow import servicenow_api
from actionsync.rules.models import RulesPreview
from actionsync.rules.service import rules_of
from actionsync.runtime import run
from actionsync.wiring import stores
from actionsync.wiring.callers import ReadingUserId
from actionsync.wiring.servicenow import client_cache

app = servicenow_api()


@app.post("/api/servicenow/rules/preview")
def preview_rules(
    owner: ReadingUserId, asked: Annotated[RulesPreview, json_body(RulesPreview)]
) -> Response[str]:
    """Answer 200 with the tickets and the instance's objections; nothing is written."""
    rules = asked.rules or rules_of(stores.rule_store(), owner)
    return ok(run(preview(owner, asked, rules, client_cache())))


lambda_handler = entrypoint(app)
