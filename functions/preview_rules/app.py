"""POST /api/servicenow/rules/preview: the tickets that an example event would make."""

from typing import Annotated

from aws_lambda_powertools.event_handler import Response

from actionsync.events.preview import EventPreview, preview
from actionsync.events.service import RecentRecipes
from actionsync.http.api import entrypoint, json_body, ok
from actionsync.http.servicenow import servicenow_api
from actionsync.rules.service import rules_of
from actionsync.runtime import run
from actionsync.wiring import stores
from actionsync.wiring.callers import ReadingMember
from actionsync.wiring.servicenow import client_cache

app = servicenow_api()


@app.post("/api/servicenow/rules/preview")
def preview_rules(
    caller: ReadingMember, asked: Annotated[EventPreview, json_body(EventPreview)]
) -> Response[str]:
    """Answer 200 with the tickets and the instance's objections; nothing is written."""
    rules = asked.rules or rules_of(stores.rule_store(), caller.owner)
    recipes_of = RecentRecipes(stores.recipe_store())
    return ok(run(preview(caller.owner, asked, rules, client_cache(), recipes_of)))


lambda_handler = entrypoint(app)
