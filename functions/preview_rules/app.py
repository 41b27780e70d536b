"""POST /api/servicenow/rules/preview and /check: what rules would do, before they are saved."""

from typing import Annotated

from aws_lambda_powertools.event_handler import Response

from actionsync.events.preview import EventPreview, preview
from actionsync.events.references import RulesToCheck, check_rules
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


@app.post("/api/servicenow/rules/check")
def check(
    caller: ReadingMember, asked: Annotated[RulesToCheck, json_body(RulesToCheck)]
) -> Response[str]:
    """Answer 200 with the rules whole, and what the instance objects to; nothing is written."""
    return ok(run(check_rules(caller.owner, asked, client_cache())))


lambda_handler = entrypoint(app)
