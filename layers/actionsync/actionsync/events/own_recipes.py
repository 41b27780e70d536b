"""An owner's own recipes: saved only if they work on examples."""

import json
import re
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from actionsync import clock
from actionsync.errors import (
    FieldError,
    InvalidInputError,
    RecipeNotFoundError,
    TooManyRecipesError,
)
from actionsync.events.models import IncomingEvent, UnreadableEventError
from actionsync.events.recipes import catalogue, reading
from actionsync.events.recipes.models import LONGEST_RECIPE, MOST_RECIPES, Recipe
from actionsync.events.sources import envelopes
from actionsync.events.sources.protocol import Context

if TYPE_CHECKING:
    from actionsync.stores.documents import Document, DocumentStore

_NAME = re.compile(r"[a-z][a-z0-9_-]{0,49}")
_WEBHOOK = "webhook:"


class RecipeToSave(BaseModel):
    """A recipe, two events that begin something, and one that ends it, where the recipe has ends.

    Each event as EventBridge delivers it, as the message of a notification, or as the element of a
    webhook's delivery. They are tried, and not stored.
    """

    model_config = ConfigDict(extra="forbid", strict=True)

    recipe: Recipe
    triggers: Annotated[list[dict[str, Any]], Field(min_length=2, max_length=2)]
    end: dict[str, Any] | None = None


def save(
    store: "DocumentStore", owner: str, name: str, asked: RecipeToSave, version: int | None
) -> "tuple[dict[str, Any], int]":
    """Save a recipe that works on its examples; return `{name, recipe, keys, one_ticket}`.

    Raises:
        InvalidInputError: it is too long, or does not work on its examples.
        TooManyRecipesError: there are as many as one may have.
        DocumentChangedError: it is not at the expected version.
    """
    if not _NAME.fullmatch(name):
        raise InvalidInputError(
            FieldError("name", "must be small letters, digits, _ and -, at most 50, a letter first")
        )
    text = asked.recipe.model_dump_json(exclude_unset=True)
    if len(text.encode()) > LONGEST_RECIPE:
        raise InvalidInputError(FieldError("recipe", f"must have at most {LONGEST_RECIPE} bytes"))
    keys = tried(owner, name, asked)
    known = store.all(owner)
    if name not in known and len(known) >= MOST_RECIPES:
        raise TooManyRecipesError(MOST_RECIPES)
    saved = store.save(owner, name, text, version)
    return {**_shown(name, saved), "keys": keys, "one_ticket": len(set(keys)) == 1}, saved.version


def tried(owner: str, name: str, asked: RecipeToSave) -> list[str]:
    """Return the keys that a recipe finds in its two beginnings.

    Raises:
        InvalidInputError: it does not work on its examples.
    """
    keys = [
        _key(owner, name, asked.recipe, event, "trigger", f"triggers.{place}")
        for place, event in enumerate(asked.triggers)
    ]
    has_end = any(form.end for form in asked.recipe.forms)
    if has_end != (asked.end is not None):
        said = "is needed: the recipe says when something ends" if has_end else "has no form here"
        raise InvalidInputError(FieldError("end", said))
    if asked.end is not None:
        key = _key(owner, name, asked.recipe, asked.end, "resolve", "end")
        if key not in keys:
            raise InvalidInputError(
                FieldError("end", "ends another thing: its key is that of neither beginning")
            )
    return keys


def list_recipes(store: "DocumentStore", owner: str) -> dict[str, Any]:
    """Return `{recipes: [{name, recipe}], built_in: [...]}`."""
    own = [_shown(name, found) for name, found in store.all(owner).items()]
    return {"recipes": own, "built_in": catalogue.shown()}


def get_recipe(store: "DocumentStore", owner: str, name: str) -> "tuple[dict[str, Any], int]":
    """Return `{name, recipe}` and its version.

    Raises:
        RecipeNotFoundError: there is none.
    """
    found = store.get(owner, name)
    if not found.version:
        raise RecipeNotFoundError
    return _shown(name, found), found.version


def delete_recipe(store: "DocumentStore", owner: str, name: str) -> None:
    """Remove a recipe; what it opened stays as it is.

    Raises:
        RecipeNotFoundError: there is none.
    """
    if not store.delete(owner, name):
        raise RecipeNotFoundError


def _shown(name: str, found: "Document") -> dict[str, Any]:
    return {"name": name, "recipe": json.loads(found.text)}


def _key(  # noqa: PLR0917 - what an example is tried with
    owner: str, name: str, recipe: Recipe, event: dict[str, Any], action: str, field: str
) -> str:
    """Return the key of the first event that a recipe finds in an example.

    Raises:
        InvalidInputError: it finds none of this action.
    """
    try:
        message = example(recipe, event, owner)
        context = Context(clock.now(), owner)
        found = reading.read(f"custom.{name}", recipe, message, context, of=owner)
    except UnreadableEventError as error:
        raise InvalidInputError(FieldError(field, str(error))) from None
    if not recipe.is_for(message.sender):
        said = f"is of {message.sender}, which `sources` does not name"
        raise InvalidInputError(FieldError(field, said))
    if found.rejected:
        raise InvalidInputError(FieldError(field, found.rejected[0].reason))
    events: tuple[IncomingEvent, ...] = found.events
    if not events or events[0].action != action:
        said = f"means {events[0].action}" if events else "means nothing by any form"
        raise InvalidInputError(FieldError(field, f"{said}, and should mean {action}"))
    return events[0].key


def example(recipe: Recipe, event: dict[str, Any], owner: str) -> envelopes.Message:
    """Return an example as the message that it would come in.

    Raises:
        UnreadableEventError: it is none.
    """
    webhooks = [name for name in recipe.sources if name.startswith(_WEBHOOK)]
    if webhooks and "detail-type" not in event:
        webhook = envelopes.Webhook(owner, webhooks[0].removeprefix(_WEBHOOK), {}, {}, event)
        return envelopes.Message("example", "", "", clock.now(), (), webhook=webhook)
    message = envelopes.read(json.dumps(event), clock.now())
    if not message.is_from_aws:
        message.detail["user_id"] = owner
    return message
