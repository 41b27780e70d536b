"""A user's settings in a stack as data: what is there, what is wanted, and the changes needed.

The order of changes: connections, webhooks, recipes, rules; removals in the opposite one.
A name is an identity: of a connection and a recipe its own, of a webhook its source's and its own.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import unified_diff
from typing import Any, Literal

import yaml

from actionsync.stores.credentials import METHODS, NAMES

from .api import Api, ApiError
from .documents import Path_, Settings, resolve, schema
from .outcome import RefusedError

Kind = Literal["connection", "webhook", "recipe", "rules"]

KINDS: tuple[Kind, ...] = ("connection", "webhook", "recipe", "rules")
DEFAULT = "default"
_IDENTITY = ("instance_url", "auth_method", *NAMES)


@dataclass(frozen=True, slots=True)
class Item:
    """A thing that is set.

    Attributes:
        kind: its kind.
        name: what identifies it among its kind.
        value: how it is, in a form that can be compared.
        etag: the version that was read; empty where it has none.
        id: its id in the stack; empty where its name is.
    """

    kind: Kind
    name: str
    value: dict[str, Any]
    etag: str = ""
    id: str = ""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a file says of a thing.

    Attributes:
        kind: its kind.
        name: what identifies it among its kind.
        path: where it stands in the document.
        value: how it should be, in a form that can be compared.
        source: as it stands there.
    """

    kind: Kind
    name: str
    path: Path_
    value: dict[str, Any]
    source: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Change:
    """A difference between what is there and what is wanted.

    Attributes:
        is_: what is there, or None.
        wanted: what is wanted, or None for nothing.
    """

    is_: Item | None
    wanted: Wanted | None

    @property
    def kind(self) -> Kind:
        """The kind of the thing."""
        return self._some.kind

    @property
    def title(self) -> str:
        """What it is about, in a line, with what happens to it."""
        mark = "~" if self.is_ and self.wanted else "+" if self.wanted else "-"
        some = self._some
        return f"{mark} {some.kind} {some.name}" if some.kind != "rules" else f"{mark} rules"

    @property
    def _some(self) -> Item | Wanted:
        some = self.wanted or self.is_
        if some is None:
            raise ValueError("neither is there")
        return some

    def lines(self) -> Iterator[str]:
        """Yield the difference, as people read it."""
        before = as_yaml(self.is_.value).splitlines() if self.is_ else []
        after = as_yaml(self.wanted.value).splitlines() if self.wanted else []
        yield self.title
        for line in list(unified_diff(before, after, n=2, lineterm=""))[2:]:
            yield f"    {line}" if not line.startswith("@@") else "    ..."


def as_yaml(value: Any) -> str:
    """Return a value as a file has it."""
    text: str = yaml.safe_dump(value, sort_keys=False, allow_unicode=True, width=100)
    return text


# ---- what is there


def present(api: Api) -> list[Item]:
    """Return all that is set in a stack."""
    items = []
    connections = api.get("/connections")
    for connection in connections[0]["connections"] if connections else ():
        name, etag = connection["name"], f'"{connection["version"]}"'
        items.append(Item("connection", name, _identity(connection), etag))
    for source in sources():
        listed = api.get(f"/webhooks/{source}")
        items += map(_webhook, listed[0]["webhooks"] if listed else ())
    recipes = api.get("/recipes")
    for recipe in recipes[0]["recipes"] if recipes else ():
        one = api.get(f"/recipes/{recipe['name']}")
        if one is not None:
            items.append(Item("recipe", recipe["name"], one[0]["recipe"], one[1]))
    if rules := api.get("/rules"):
        items.append(Item("rules", "rules", rules[0], rules[1]))
    return items


def sources() -> list[str]:
    """Return the sources that have webhooks."""
    names: list[str] = schema()["properties"]["webhooks"]["items"]["properties"]["source"]["enum"]
    return names


def _identity(document: Mapping[str, Any]) -> dict[str, Any]:
    found = {name: document[name] for name in _IDENTITY if document.get(name)}
    found.setdefault("auth_method", "basic")
    found["instance_url"] = str(found.get("instance_url", "")).rstrip("/").lower()
    return found


def secrets_of(connection: Mapping[str, Any]) -> Sequence[str]:
    """Return the fields that prove who calls, by the connection's method."""
    method = METHODS.get(connection["auth_method"])
    return () if method is None else method.secrets


def _webhook(document: Mapping[str, Any]) -> Item:
    value = {
        "source": document["source"],
        "name": document["name"],
        "dry_run": document["dry_run"],
        **({"verification": document["verification"]} if document.get("verification") else {}),
    }
    return Item("webhook", f"{value['source']}/{value['name']}", value, id=document["id"])


def minimal(value: Any, default: Any, form: Mapping[str, Any]) -> Any:
    """Return what of a section is not as it is by default; an empty map where all of it is.

    Args:
        value: the section, whole.
        default: the same by default.
        form: its JSON schema; only what has named parts is a section.
    """
    form = _resolved(form)
    parts = form.get("properties")
    if not parts or not isinstance(value, dict) or not isinstance(default, dict):
        return value
    return {
        name: minimal(each, default.get(name), parts.get(name, {}))
        for name, each in value.items()
        if name not in default or each != default[name]
    }


def _resolved(form: Mapping[str, Any]) -> Mapping[str, Any]:
    name = str(form.get("$ref", "")).rpartition("/")[2]
    return schema()["$defs"][name] if name else form


def _minimal_rules(rules: dict[str, Any], api: Api) -> dict[str, Any]:
    """Return rules without what is so by default, also in the members of lists and maps."""
    some = {"rules": [{"name": "x", "then": {}}], "sources": {sources()[0]: {}}}
    shown = api.post("/rules/check", {"rules": some, "ask_instance": False})["rules"]
    form = schema()["$defs"]
    (rule,), (source,) = shown["rules"], shown["sources"].values()
    found: dict[str, Any] = minimal(rules, {**shown, "rules": [], "sources": {}}, form["Rules"])
    if "rules" in found:
        found["rules"] = [
            {
                "name": each["name"],
                **minimal(each, rule, form["Rule"]),
                "then": each["then"]
                if each["then"] == "ignore"
                else minimal(each["then"], rule["then"], form["Then"]),
            }
            for each in found["rules"]
        ]
    if "sources" in found:
        found["sources"] = {
            name: minimal(each, source, form["SourceRule"])
            for name, each in found["sources"].items()
        }
    return found


def export(api: Api) -> dict[str, Any]:
    """Return a document that says what is there; secrets are references, to be filled in."""
    document: dict[str, Any] = {}
    for item in present(api):
        if item.kind == "connection":
            prefix = "" if item.name == DEFAULT else f"{item.name}_".replace("-", "_").upper()
            secrets = {
                name: {"env": f"SERVICENOW_{prefix}{name.upper()}"}
                for name in secrets_of(item.value)
            }
            document.setdefault("connections", {})[item.name] = item.value | secrets
        elif item.kind == "webhook":
            document.setdefault("webhooks", []).append(item.value)
        elif item.kind == "recipe":
            document.setdefault("recipes", {})[item.name] = {"recipe": item.value}
        else:
            document["rules"] = _minimal_rules(item.value, api)
    return document


# ---- what is wanted


def wanted(settings: Settings, api: Api, *, ask_instance: bool) -> list[Wanted]:
    """Return what files want; what is wrong with it is noted in the settings.

    Args:
        settings: what the files say.
        api: the stack, which says what rules mean.
        ask_instance: whether the instance is asked for what rules name.
    """
    found: list[Wanted] = []
    for name, source in settings.data.get("connections", {}).items():
        path: Path_ = ("connections", name)
        found.append(Wanted("connection", name, path, _identity(source), source))
    names: set[str] = set()
    for place, source in enumerate(settings.data.get("webhooks", [])):
        value = {"source": source["source"], "name": source.get("name", source["source"])}
        value |= {"dry_run": source.get("dry_run", False)}
        if source.get("verification"):
            value["verification"] = source["verification"]
        name = f"{value['source']}/{value['name']}"
        if name in names:
            settings.find(("webhooks", place), f"the webhook {name} is there twice")
        names.add(name)
        found.append(Wanted("webhook", name, ("webhooks", place), value, source))
    for name, source in settings.data.get("recipes", {}).items():
        found.append(Wanted("recipe", name, ("recipes", name), source["recipe"], source))
    if "rules" in settings.data:
        rules = _checked_rules(settings, api, ask_instance=ask_instance)
        if rules is not None:
            source = settings.data["rules"]
            found.append(Wanted("rules", "rules", ("rules",), rules, source))
    return found


def _checked_rules(settings: Settings, api: Api, *, ask_instance: bool) -> dict[str, Any] | None:
    """Return rules whole, as the stack reads them; None where they are none."""
    asked = {"rules": settings.data["rules"], "ask_instance": ask_instance}
    try:
        answer = api.post("/rules/check", asked)
    except ApiError as error:
        if not error.errors:
            raise
        for wrong in error.errors:
            name = wrong["field"].removeprefix("rules").removeprefix(".")
            settings.find(settings.path_of(name, ("rules",)), about(name or "rules", wrong))
        return None
    own = settings.data.get("connections", {})
    for wrong in answer["problems"]:
        path = settings.path_of(wrong["field"], ("rules",))
        if path[-1] == "connection" and settings.value_of(path) in own:
            continue  # which is about to be stored
        settings.find(path, about(wrong["field"], wrong))
    for wrong in answer["unchecked"]:
        text = f"could not be checked: {wrong['message']} (--unchecked does without)"
        settings.find(settings.path_of(wrong["field"], ("rules",)), f"{wrong['field']} {text}")
    rules: dict[str, Any] = answer["rules"]
    return rules


def about(name: str, wrong: Mapping[str, str]) -> str:
    """Return what is wrong with a field, by its name."""
    return f"{name}: {wrong['message']}"


# ---- from one to the other


def changes(there: list[Item], want: list[Wanted], *, prune: bool) -> list[Change]:
    """Return what differs, in the order in which it is made.

    Args:
        there: what is there.
        want: what is wanted.
        prune: whether what no file names goes.
    """
    known = {(item.kind, item.name): item for item in there}
    found = [
        Change(known.get((each.kind, each.name)), each)
        for each in sorted(want, key=lambda each: KINDS.index(each.kind))
        if (item := known.get((each.kind, each.name))) is None or item.value != each.value
    ]
    if prune:
        named = {(each.kind, each.name) for each in want}
        gone = [item for item in there if (item.kind, item.name) not in named]
        gone.sort(key=lambda item: -KINDS.index(item.kind))
        found += [Change(item, None) for item in gone if item.kind != "rules"]
    return found


def make(change: Change, settings: Settings, api: Api) -> str:
    """Make a change, and return what there is to say about it.

    Raises:
        PlanAgainError: somebody has changed the thing since it was read.
    """
    return _MAKERS[change.kind](change, settings, api)


def _make_connection(change: Change, settings: Settings, api: Api) -> str:
    if change.wanted is None:
        api.delete(f"/connections/{change.title.split()[-1]}")
        return ""
    name = change.wanted.name
    body = {**change.wanted.value, **_secrets(change.wanted, settings)}
    if change.is_ is None:
        api.post("/connections", {"name": name, **body})
    else:
        api.put(f"/connections/{name}", body, change.is_.etag)
    return ""


def _make_webhook(change: Change, settings: Settings, api: Api) -> str:
    if change.is_ is not None:
        path = f"/webhooks/{change.is_.value['source']}/{change.is_.id}"
        if change.wanted is None:
            api.delete(path)
        else:
            api.patch(path, {"dry_run": change.wanted.value["dry_run"]})
        return ""
    if change.wanted is None:
        return ""
    value = change.wanted.value
    body = {name: value[name] for name in value if name != "source"}
    made = api.post(f"/webhooks/{value['source']}", body | _secrets(change.wanted, settings))
    return f"deliver to {made['url']}"


def _make_recipe(change: Change, _: Settings, api: Api) -> str:
    if change.wanted is None:
        api.delete(f"/recipes/{change.is_.name if change.is_ else ''}")
        return ""
    etag = change.is_.etag if change.is_ else '"0"'
    api.put(f"/recipes/{change.wanted.name}", change.wanted.source, etag)
    return ""


def _make_rules(change: Change, _: Settings, api: Api) -> str:
    if change.wanted is not None:
        api.put("/rules", change.wanted.source, change.is_.etag if change.is_ else "")
    return ""


_MAKERS: dict[Kind, Callable[[Change, Settings, Api], str]] = {
    "connection": _make_connection,
    "webhook": _make_webhook,
    "recipe": _make_recipe,
    "rules": _make_rules,
}


def _secrets(item: Wanted, settings: Settings) -> dict[str, str]:
    names: Sequence[str] = ("secret",)
    if item.kind == "connection":
        names = secrets_of(item.value)
    found = {name: resolve(settings, (*item.path, name)) for name in names}
    if settings.findings:
        raise RefusedError(str(settings.findings[0]))
    return {name: value for name, value in found.items() if value is not None}
