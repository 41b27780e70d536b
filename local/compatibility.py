"""What a caller of an old OpenAPI document would find broken in a new one.

What is sent may only become wider: more paths, fields, types and values, looser limits. What is
answered may only become narrower: more fields, none of them lost, no further types.
"""

from typing import Any

from local.schemas import REF

# JSON Schema, Validation: the limits from above and from below.
_UPPER = ("maxLength", "maximum", "exclusiveMaximum", "maxItems", "maxProperties")
_LOWER = ("minLength", "minimum", "exclusiveMinimum", "minItems", "minProperties")

Schema = dict[str, Any]


def breaks(old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    """Return what a caller of the old document would find broken in the new one."""
    found = []
    for path, methods in old["paths"].items():
        for method, before in methods.items():
            name = f"{method.upper()} {path}"
            after = new["paths"].get(path, {}).get(method)
            if after is None:
                found.append(f"{name} is gone")
                continue
            found += _operation(name, before, after)
    sent, answered = _used(old, "requestBody"), _used(old, "responses")
    for name, schema in old["components"]["schemas"].items():
        after = new["components"]["schemas"].get(name)
        if after is None:
            continue
        if name in sent:
            found += _demands(name, schema, after)
            found += _narrower(name, schema, after)
        if name in answered:
            found += _lacks(name, schema, after)
    return list(dict.fromkeys(found))


def _operation(name: str, before: Schema, after: Schema) -> list[str]:
    found = [
        f"{name} no longer answers {code}"
        for code in before["responses"]
        if code.startswith("2") and code not in after["responses"]
    ]
    known = {(part["name"], part["in"]): part for part in before.get("parameters", [])}
    remaining = {(part["name"], part["in"]): part for part in after.get("parameters", [])}
    found += [
        f"{name} lost the {where} parameter {part}"
        for part, where in sorted(known.keys() - remaining.keys())
    ]
    for key, part in remaining.items():
        if part["required"] and not known.get(key, {"required": False})["required"]:
            found.append(f"{name} demands the parameter {part['name']}")
        if key in known:
            place = f"{name} {part['name']}"
            found += _narrower(place, known[key]["schema"], part["schema"])
    required = before.get("requestBody", {}).get("required", False)
    if after.get("requestBody", {}).get("required", False) and not required:
        found.append(f"{name} demands a body")
    return found


def _used(document: dict[str, Any], side: str) -> set[str]:
    """Return the schemas that requests (`requestBody`) or answers (`responses`) consist of."""
    waiting: list[Any] = [
        operation[side]
        for methods in document["paths"].values()
        for operation in methods.values()
        if side in operation
    ]
    if side == "responses":
        waiting.append(document["components"].get("responses", {}))
    names: set[str] = set()
    while waiting:
        node = waiting.pop()
        if isinstance(node, dict):
            name = str(node.get("$ref", "")).removeprefix(REF)
            schema = document["components"]["schemas"].get(name)
            if schema is not None and name not in names:
                names.add(name)
                waiting.append(schema)
            waiting += [value for key, value in node.items() if key != "example"]
        elif isinstance(node, list):
            waiting += node
    return names


# ---- what is sent


def _demands(name: str, before: Schema, after: Schema) -> list[str]:
    old, new = before.get("properties", {}), after.get("properties", {})
    found = [f"{name}.{field} is gone" for field in sorted(old.keys() - new.keys())]
    demanded = set(after.get("required", [])) - set(before.get("required", []))
    found += [f"{name}.{field} is required now" for field in sorted(demanded & old.keys())]
    found += [f"{name}.{field} is new and required" for field in sorted(demanded - old.keys())]
    return found


def _narrower(name: str, before: Schema, after: Schema) -> list[str]:
    """Return what a schema no longer takes."""
    found = []
    lost = _values(before) - _values(after) if _values(after) else set()
    if lost:
        found.append(f"{name} no longer takes {', '.join(sorted(lost))}")
    old, new = _alternatives(before), _alternatives(after)
    for kind, was in old.items():
        now = new.get(kind) or new.get("any") or (new.get("number") if kind == "integer" else None)
        if now is None:
            found.append(f"{name} no longer takes {kind}")
            continue
        found += _limits(name, was, now)
        if isinstance(was.get("items"), dict) and isinstance(now.get("items"), dict):
            found += _narrower(f"{name}[]", was["items"], now["items"])
        others = was.get("additionalProperties", True), now.get("additionalProperties", True)
        if others[0] is not False and others[1] is False:
            found.append(f"{name} takes no further fields")
        if isinstance(others[0], dict) and isinstance(others[1], dict):
            found += _narrower(f"{name}.*", *others)
    shared = before.get("properties", {}).keys() & after.get("properties", {}).keys()
    for field in sorted(shared):
        place = f"{name}.{field}"
        found += _narrower(place, before["properties"][field], after["properties"][field])
    return found


def _limits(name: str, was: Schema, now: Schema) -> list[str]:
    found = [
        f"{name} has a lower {limit}: {now[limit]}"
        for limit in _UPPER
        if limit in now and now[limit] < was.get(limit, float("inf"))
    ]
    found += [
        f"{name} has a higher {limit}: {now[limit]}"
        for limit in _LOWER
        if limit in now and now[limit] > was.get(limit, float("-inf"))
    ]
    if "pattern" in now and now["pattern"] != was.get("pattern"):
        found.append(f"{name} has another pattern")
    if ("enum" in now or "const" in now) and not _values(was):
        found.append(f"{name} takes {', '.join(sorted(_values(now)))} only")
    return found


# ---- what is answered


def _lacks(name: str, before: Schema, after: Schema) -> list[str]:
    """Return what an answer no longer tells, or may tell in another type."""
    old, new = before.get("properties", {}), after.get("properties", {})
    found = [f"{name}.{field} is gone" for field in sorted(old.keys() - new.keys())]
    still_there = set(before.get("required", [])) - set(after.get("required", []))
    found += [f"{name}.{field} may be missing now" for field in sorted(still_there & new.keys())]
    for field in sorted(old.keys() & new.keys()):
        known = _alternatives(old[field])
        added = set() if "any" in known else set(_alternatives(new[field])) - set(known)
        found += [f"{name}.{field} may be {kind} now" for kind in sorted(added)]
        if old[field].get("type") == "object":
            found += _lacks(f"{name}.{field}", old[field], new[field])
        if old[field].get("type") == "array":
            was, now = old[field].get("items", {}), new[field].get("items", {})
            found += _lacks(f"{name}.{field}[]", was, now)
    return found


# ---- reading schemas


def _alternatives(schema: Schema) -> dict[str, Schema]:
    """Return the types that a schema allows, each with what limits it."""
    found: dict[str, Schema] = {}
    parts: list[Schema] = schema.get("anyOf") or schema.get("oneOf") or [schema]
    for part in parts:
        kinds = part.get("type", part.get("$ref", "").removeprefix(REF) or _type_of_values(part))
        for kind in kinds if isinstance(kinds, list) else [kinds]:
            found[kind] = part
    return found


def _type_of_values(schema: Schema) -> str:
    return "string" if _values(schema) else "any"


def _values(schema: Schema) -> set[str]:
    values = {str(value) for value in schema.get("enum", [])}
    if "const" in schema:
        values.add(str(schema["const"]))
    for part in schema.get("anyOf", []):
        values |= _values(part)
    return values
