"""GET /api/servicenow/recipes, and /api/servicenow/recipes/{name}."""

from actionsync import errors
from functions.operation import Operation, Refused, Request
from functions.update_recipe.operation import PATH, RECIPE

_SHOWN = {"name": "speed-tests", "recipe": RECIPE}
_BUILT_IN = {
    "name": "guardduty",
    "title": "Amazon GuardDuty",
    "sources": ["aws.guardduty"],
    "ends": "silent",
    "options": {},
    "overlaps": ["securityhub", "securityhub_ocsf"],
}

OPERATIONS = {
    "GET /api/servicenow/recipes": Operation(
        id="list_recipes",
        tag="Events",
        summary="The calling user's own recipes for events, and the built-in ones",
        answer="Recipes",
        example={"recipes": [_SHOWN], "built_in": [_BUILT_IN]},
        refused={"invalid_not_signed_in": Refused(Request(is_signed_in=False), 401)},
        cold_calls={"Query": 1},
        warm_calls={"Query": 1},
    ),
    "GET /api/servicenow/recipes/{name}": Operation(
        id="get_recipe",
        tag="Events",
        summary="A recipe of the calling user's",
        request=Request(path=PATH),
        answer="RecipeView",
        example=_SHOWN,
        errors=(errors.RecipeNotFoundError,),
        refused={"invalid_unknown": Refused(Request(path={"name": "none"}), 404)},
        cold_calls={"GetItem": 1},
        warm_calls={"GetItem": 1},
    ),
}
