"""What would go wrong if changes were made; nothing is written."""

from typing import Any

from actionsync.stores.credentials import METHODS

from .api import Api, ApiError
from .documents import Finding, Path_, Settings, resolve
from .settings import Change, Wanted, about, secrets_of


def check(
    settings: Settings, found: list[Change], api: Api, *, ask_instance: bool, force: bool
) -> None:
    """Note what would go wrong if changes were made; nothing is written.

    Args:
        settings: what the files say.
        found: the changes.
        api: the stack.
        ask_instance: whether connections are tested.
        force: whether a connection may go, whose tickets may be open.
    """
    for change in found:
        if change.kind == "connection":
            _check_connection(settings, change, api, ask_instance=ask_instance, force=force)
        elif change.kind == "webhook" and change.wanted:
            _check_webhook(settings, change)
        elif change.kind == "recipe" and change.wanted:
            _check_recipe(settings, change.wanted, api)


def _check_connection(
    settings: Settings, change: Change, api: Api, *, ask_instance: bool, force: bool
) -> None:
    if change.wanted is not None:
        _check_wanted_connection(settings, change.wanted, api, ask_instance=ask_instance)
    elif not force:
        text = f"{change.title[2:]} may have open tickets: --force removes it"
        settings.findings.append(Finding("--prune", text))


def _check_wanted_connection(
    settings: Settings, connection: Wanted, api: Api, *, ask_instance: bool
) -> None:
    """Look whether a connection's secrets are there, and whether it works."""
    path, body = connection.path, {**connection.value}
    for name in secrets_of(body):
        if name not in connection.source:
            settings.find(path, f"{name} is missing: {{env: NAME}} or {{secret: NAME}}")
        elif (secret := resolve(settings, (*path, name))) is not None:
            body[name] = secret
    method = METHODS.get(body["auth_method"])
    if not ask_instance or settings.findings or (method and method.is_tested_as_stored):
        return  # where a person signs in, or a key signs, nothing works before that
    try:
        report = api.post(f"/connections/{connection.name}/test", body)
    except ApiError as error:
        if not error.errors:
            settings.find(path, str(error))
        for wrong in error.errors:
            settings.find((*path, wrong["field"]), about(wrong["field"], wrong))
        return
    if not report["success"]:
        settings.find(path, f"the connection does not work: {report['message']}")


def _check_webhook(settings: Settings, change: Change) -> None:
    wanted_, is_ = change.wanted, change.is_
    if wanted_ is None:
        return
    if is_ is None:
        if "secret" not in wanted_.source:
            text = "a new webhook needs its secret: {env: NAME} or {secret: NAME}"
            settings.find(wanted_.path, text)
        else:
            resolve(settings, (*wanted_.path, "secret"))
    elif wanted_.value.get("verification") != is_.value.get("verification"):
        text = "verification cannot be changed: give the webhook another name"
        settings.find((*wanted_.path, "verification"), text)


def _check_recipe(settings: Settings, recipe: Wanted, api: Api) -> None:
    """Try a recipe on its examples."""
    if len(recipe.source.get("triggers", ())) != 2:  # noqa: PLR2004 - as the API wants them
        text = "a recipe that is new or changed needs two `triggers`, on which it is tried"
        settings.find(recipe.path, text)
        return
    examples: list[tuple[Path_, Any]] = [
        ((*recipe.path, "triggers", number), event)
        for number, event in enumerate(recipe.source["triggers"])
    ]
    if "end" in recipe.source:
        examples.append(((*recipe.path, "end"), recipe.source["end"]))
    for place, event in examples:
        try:
            answer = api.post("/rules/preview", {"event": event, "recipe": recipe.value})
        except ApiError as error:
            if not error.errors:
                raise
            for wrong in error.errors:
                is_about_it = wrong["field"].startswith("recipe")
                where = settings.path_of(wrong["field"], recipe.path) if is_about_it else place
                settings.find(where, about(wrong["field"], wrong))
            return
        if not answer["tickets"]:
            settings.find(place, "the recipe makes nothing of it")
