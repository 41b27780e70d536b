"""PUT and DELETE /api/servicenow/recipes/{name}."""

from typing import Any

from actionsync import errors
from functions.operation import Operation, Refused, Request

PATH = {"name": "speed-tests"}
RECIPE: dict[str, Any] = {
    "title": "Speed tests",
    "sources": ["shop.speed"],
    "ends": "event",
    "forms": [
        {
            "types": ["Speed Test"],
            "trigger": "detail.result == 'slow'",
            "end": "detail.result == 'fast'",
            "key": ["detail.page"],
            "severity": "detail.level",
            "moment": "detail.at",
            "labels": {"page": "detail.page", "seconds": "detail.seconds"},
            "title": "{{labels.page}} is slow",
            "message": "{{labels.page}} took {{labels.seconds}} seconds.",
        }
    ],
}


def _event(**detail: Any) -> dict[str, Any]:
    return {
        "source": "shop.speed",
        "detail-type": "Speed Test",
        "detail": {"page": "/cart", "level": "P2", "at": "2026-01-10T10:00:00Z", **detail},
    }


BODY: dict[str, Any] = {
    "recipe": RECIPE,
    "triggers": [_event(result="slow", seconds=9), _event(result="slow", seconds=7)],
    "end": _event(result="fast", seconds=1),
}
_FORM = RECIPE["forms"][0]

OPERATIONS = {
    "PUT /api/servicenow/recipes/{name}": Operation(
        id="update_recipe",
        tag="Events",
        summary="Save a recipe of the calling user's, if it works on its examples",
        request=Request(path=PATH, body=BODY),
        answer="RecipeSaved",
        example={
            "name": "speed-tests",
            "recipe": RECIPE,
            "keys": ["/cart", "/cart"],
            "one_ticket": True,
        },
        errors=(errors.DocumentChangedError, errors.TooManyRecipesError),
        refused={
            "invalid_path": Refused(
                Request(
                    path=PATH,
                    body={**BODY, "recipe": {**RECIPE, "forms": [{**_FORM, "key": ["a | b"]}]}},
                ),
                422,
                ["recipe.forms.0.key.0"],
            ),
            "invalid_example": Refused(
                Request(path=PATH, body={**BODY, "triggers": [BODY["end"], BODY["end"]]}),
                422,
                ["triggers.0"],
            ),
        },
        cold_calls={"UpdateItem": 2, "PutItem": 2, "Query": 1},
        warm_calls={"UpdateItem": 1, "PutItem": 2, "Query": 1},
    ),
    "DELETE /api/servicenow/recipes/{name}": Operation(
        id="delete_recipe",
        tag="Events",
        summary="Remove a recipe of the calling user's",
        status=204,
        request=Request(path=PATH),
        errors=(errors.RecipeNotFoundError,),
        refused={"invalid_unknown": Refused(Request(path={"name": "none"}), 404)},
        cold_calls={"UpdateItem": 1, "PutItem": 2, "DeleteItem": 1},
        warm_calls={"PutItem": 2, "DeleteItem": 1},
    ),
}
