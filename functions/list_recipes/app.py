"""GET /api/servicenow/recipes, and one of them: the calling user's own recipes for events."""

from aws_lambda_powertools.event_handler import Response

from actionsync.events.own_recipes import get_recipe, list_recipes
from actionsync.http.api import entrypoint, http_api, ok
from actionsync.wiring import stores
from actionsync.wiring.callers import Member

app = http_api()


@app.get("/api/servicenow/recipes")
def recipes(caller: Member) -> Response[str]:
    """Answer 200 with all of them."""
    return ok(list_recipes(stores.recipe_store(), caller.owner))


@app.get("/api/servicenow/recipes/<name>")
def recipe(name: str, caller: Member) -> Response[str]:
    """Answer 200 with a recipe and its ETag, or 404."""
    found, version = get_recipe(stores.recipe_store(), caller.owner, name)
    return ok(found, version=version)


lambda_handler = entrypoint(app)
