"""PUT and DELETE /api/servicenow/recipes/{name}: save or remove a recipe of the calling user's."""

from typing import Annotated

from aws_lambda_powertools.event_handler import Response

from actionsync.events.own_recipes import RecipeToSave, delete_recipe, save
from actionsync.http.api import ExpectedVersion, entrypoint, http_api, json_body, no_content, ok
from actionsync.wiring import stores
from actionsync.wiring.callers import Editor

app = http_api()


@app.put("/api/servicenow/recipes/<name>")
def put(
    name: str,
    caller: Editor,
    asked: Annotated[RecipeToSave, json_body(RecipeToSave)],
    expected_version: ExpectedVersion,
) -> Response[str]:
    """Answer 200 with the recipe and the keys of its examples, 412 at another version."""
    with caller.recorded("recipe_saved", [name]):
        saved, version = save(stores.recipe_store(), caller.owner, name, asked, expected_version)
    return ok(saved, version=version)


@app.delete("/api/servicenow/recipes/<name>")
def delete(name: str, caller: Editor) -> Response[str]:
    """Answer 204, or 404 where the user has no such recipe."""
    with caller.recorded("recipe_deleted", [name]):
        delete_recipe(stores.recipe_store(), caller.owner, name)
    return no_content()


lambda_handler = entrypoint(app)
