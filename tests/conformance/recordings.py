"""Recordings: what an instance answered, without what belongs to its company.

A recording is a folder named after a release, with one JSON file an area of the suite. Replaced are
names, hosts, sys_ids, addresses, moments and texts; what stays is what the facts are about: status,
headers' names, columns, the form of each value, states and codes, and ServiceNow's own messages.
"""

import json
import re
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conformance.instance import Exchange, Instance

_SYS_ID = re.compile(r"(?<![0-9a-f])[0-9a-f]{32}(?![0-9a-f])", re.IGNORECASE)
_MOMENT = re.compile(r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d")
_NUMBER = re.compile(r"\b[A-Z]{2,8}\d{5,10}\b")
_ADDRESS = re.compile(r"\b\d{1,3}(?:\.\d{1,3}){3}\b")
_EMAIL = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+")
_RULE = re.compile(r"(Business Rule '|Business Rule Stack:)[^'^,\n]*")
_URL = re.compile(r"https?://[^/\s\"'<>?#]+")
# Values that tell a release apart and no company: short, of few words of ServiceNow's own.
_PLAIN = re.compile(r"-?\d{0,10}(?:\.\d+)?|true|false")
# Columns whose values are ServiceNow's own codes.
_CODES = frozenset({
    "state", "incident_state", "problem_state", "priority", "urgency", "impact", "severity",
    "active", "type", "risk", "approval", "close_code", "hold_reason", "sys_class_name", "element",
    "language", "category", "count", "status", "status_code", "content_type", "phase", "escalation",
    "upon_reject", "upon_approval", "made_sla", "knowledge", "notify", "contact_type",
})  # fmt: skip
# Headers whose values are the same for everybody; of the others, a recording has the name alone.
_HEADERS = frozenset({"content-type", "www-authenticate", "retry-after", "x-is-logged-in"})
# Sent by proxies, balancers and HTTP itself; whether they are there says nothing of ServiceNow.
_PASSING = frozenset({
    "date", "server", "connection", "keep-alive", "transfer-encoding", "content-length",
    "content-encoding", "vary", "set-cookie", "server-timing", "x-transaction-id", "via",
    "cache-control", "pragma", "expires", "strict-transport-security", "x-content-type-options",
    "x-xss-protection", "x-frame-options", "content-security-policy", "x-ratelimit-limit",
    "x-ratelimit-reset", "x-ratelimit-rule",
})  # fmt: skip
_MOST_ROWS = 2
_LONGEST = 400


class Recorder:
    """Writes what checks exchanged with an instance.

    Args:
        folder: the release's folder; made if it is missing.
        instance: whose answers they are.
    """

    def __init__(self, folder: "Path", instance: "Instance") -> None:
        self._folder = folder
        self._redaction = Redaction(instance)

    def write(self, key: str, exchanges: "list[Exchange]") -> None:
        """Add a check's exchanges to the file of its area."""
        path = _file(self._folder, key)
        path.parent.mkdir(parents=True, exist_ok=True)
        recorded = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
        recorded[key] = [self._redaction.of(exchange) for exchange in exchanges]
        path.write_text(_lines(recorded), encoding="utf-8")


class Redaction:
    """Replaces what belongs to a company; equal things stay equal within a check.

    Args:
        instance: whose host and users are replaced wherever they stand.
    """

    def __init__(self, instance: "Instance") -> None:
        users = [instance.user.name, *([instance.admin.name] if instance.admin else [])]
        self._literal = {
            instance.host: "instance.example",
            **{name: f"user.{number}" for number, name in enumerate(users, 1)},
        }
        self._seen: dict[str, str] = {}

    def of(self, exchange: "Exchange") -> dict[str, Any]:
        """Return an exchange without what belongs to a company."""
        plain = asdict(exchange)
        headers = {
            name: self.text(value) if name in _HEADERS else ""
            for name, value in sorted(plain["headers"].items())
            if name not in _PASSING
        }
        return {
            "method": plain["method"],
            "path": self.text(plain["path"]),
            "params": {name: self.text(value) for name, value in plain["params"].items()},
            "sent": self._value("", plain["sent"]),
            "status": plain["status"],
            "headers": headers,
            "body": self._value("", plain["body"]),
        }

    def text(self, text: str) -> str:
        """Return a text of ServiceNow's own with ids, hosts, people and moments replaced."""
        for literal, replacement in self._literal.items():
            text = text.replace(literal, replacement)
        text = _RULE.sub(r"\1a rule", text)
        text = _URL.sub("https://instance.example", text)
        text = _EMAIL.sub("person@example.com", text)
        text = _ADDRESS.sub("192.0.2.1", text)
        text = _MOMENT.sub("2026-01-01 00:00:00", text)
        text = _SYS_ID.sub(lambda match: self._numbered("id", match[0], "{:032x}"), text)
        return _NUMBER.sub(lambda match: re.sub(r"\d", "0", match[0]), text)[:_LONGEST]

    def _value(self, key: str, value: Any) -> Any:
        if isinstance(value, dict):
            inner = "" if key in {"error", "result"} else key
            return {
                self.text(name): self._value(_column(inner, name), part)
                for name, part in value.items()
            }
        if isinstance(value, list):
            return [self._value(key, part) for part in value[:_MOST_ROWS]]
        if not isinstance(value, str) or _PLAIN.fullmatch(value) or key in _CODES:
            return value
        if key in {"message", "detail", "error", "error_description", "link", "url"}:
            return self.text(value)
        for form in (_SYS_ID, _MOMENT, _NUMBER):
            if form.fullmatch(value):
                return self.text(value)
        return self._numbered("text", value, "text {}")

    def _numbered(self, kind: str, value: str, form: str) -> str:
        number = sum(key.startswith(kind) for key in self._seen) + 1
        return self._seen.setdefault(f"{kind} {value}", form.format(number))


def _lines(recorded: dict[str, list[dict[str, Any]]]) -> str:
    """Return a JSON document with a line for each exchange."""
    checks = (
        f"{json.dumps(key)}: [\n"
        + ",\n".join(json.dumps(exchange, ensure_ascii=False) for exchange in exchanges)
        + "\n]"
        for key, exchanges in sorted(recorded.items())
        if exchanges
    )
    return "{\n" + ",\n".join(checks) + "\n}\n"


def _column(outer: str, name: str) -> str:
    """Return what a value is of: `{"state": {"value": "1"}}` has a state, too."""
    return outer if outer and name in {"value", "display_value"} else name


def differences(folder: "Path", key: str, exchanges: "list[Exchange]") -> str:
    """Return in what a check's answers have another form than those recorded, if they have.

    Args:
        folder: the folder of recordings, one folder in it a release.
        key: the check's.
        exchanges: what the simulator was asked and answered.
    """
    for release in sorted(path for path in folder.glob("*") if path.is_dir()):
        path = _file(release, key)
        recorded = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
        if key not in recorded:
            continue
        for number, (then, now) in enumerate(zip(recorded[key], exchanges, strict=False), 1):
            where = f"{release.name}, request {number} ({then['method']} {then['path']})"
            if (found := _differs(then, now)) is not None:
                return f"{where}: {found}"
    return ""


def _differs(then: dict[str, Any], now: "Exchange") -> str | None:
    if then["status"] != now.status:
        return f"status {now.status}, recorded {then['status']}"
    names = {name for name in now.headers if name not in _PASSING}
    if missing := set(then["headers"]) - names:
        return f"without the headers {', '.join(sorted(missing))}"
    return _form_differs("body", then["body"], now.body)


def _form_differs(where: str, then: Any, now: Any) -> str | None:
    """Return where two bodies differ in their form: keys and types, not values."""
    if isinstance(then, dict) and isinstance(now, dict):
        names = [name for name in then if not _SYS_ID.fullmatch(name)]
        if missing := [name for name in names if name not in now]:
            return f"{where} has no {missing[0]}"
        parts = [(f"{where}.{name}", then[name], now[name]) for name in names]
    elif isinstance(then, list) and isinstance(now, list):
        if bool(then) != bool(now):
            return f"{where} has {len(now)} elements, recorded {len(then)}"
        parts = [(f"{where}[]", *pair) for pair in zip(then, now, strict=False)]
    else:
        # A column is empty here and filled there; a reference that is empty is a text.
        is_empty = then in ("", None) or now in ("", None)
        alike = type(then) is type(now) or {type(then), type(now)} <= {int, float}
        kinds = f"{where} is {type(now).__name__}, recorded {type(then).__name__}"
        return None if is_empty or alike else kinds
    return next(filter(None, (_form_differs(*part) for part in parts)), None)


def _file(folder: "Path", key: str) -> "Path":
    return folder / f"{key.partition('/')[0].replace(' ', '_')}.json"
