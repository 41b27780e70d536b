"""POST /api/servicenow/rules/preview, /check and /replay, and GET /api/servicenow/context."""

from typing import Annotated

from aws_lambda_powertools.event_handler import Response

from actionsync.events.context import ContextQuery, context
from actionsync.events.preview import EventPreview, preview
from actionsync.events.references import RulesToCheck, check_rules
from actionsync.events.replay import RulesReplay, replay
from actionsync.events.service import RecentRecipes
from actionsync.http.api import entrypoint, json_body, ok, query
from actionsync.http.servicenow import servicenow_api
from actionsync.rules.service import rules_of
from actionsync.runtime import run
from actionsync.wiring import stores
from actionsync.wiring.callers import ConnectionMember, ReadingMember
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


@app.post("/api/servicenow/rules/replay")
def replay_rules(
    caller: ReadingMember, asked: Annotated[RulesReplay, json_body(RulesReplay)]
) -> Response[str]:
    """Answer 200 with what would have become of the newest events; nothing is written."""
    rules = asked.rules or rules_of(stores.rule_store(), caller.owner)
    entries = stores.recent_events().read(caller.owner)
    recipes_of = RecentRecipes(stores.recipe_store())
    return ok(run(replay(caller.owner, entries, rules, recipes_of)))


@app.get("/api/servicenow/context")
def get_context(
    caller: ConnectionMember, asked: Annotated[ContextQuery, query(ContextQuery)]
) -> Response[str]:
    """Answer 200 with what is going on at a service."""
    deployed = stores.deployed_store()
    return ok(run(context(caller.owner, caller.connection, asked, client_cache(), deployed)))


lambda_handler = entrypoint(app)
