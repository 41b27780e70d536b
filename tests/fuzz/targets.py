"""What is fuzzed: each target takes any bytes, and raises only where the product is wrong.

Hypothesis drives them in the tests, from true payloads that it bends; `make fuzz` drives them with
atheris, which follows the branches that inputs reach.
"""

import hashlib
import hmac
import json
import math
from typing import TYPE_CHECKING, Any

import httpx
from pydantic import ValidationError

from actionsync import clock
from actionsync.connections.hosts import instance_url
from actionsync.events import drafts, sources
from actionsync.events.deliveries import Delivery
from actionsync.events.models import UnreadableEventError
from actionsync.events.senders import sender
from actionsync.events.sources import envelopes, github
from actionsync.events.sources.protocol import Context
from actionsync.events.verification import verify
from actionsync.rules import texts
from actionsync.rules.models import Rules
from local.operations import operations
from local.servicenow import query as encoded
from servicenow_tools import field
from servicenow_tools._responses import Answer, AttemptError, read
from servicenow_tools.errors import InvalidRequestError

if TYPE_CHECKING:
    from collections.abc import Callable


_ALLOWED = ("*.service-now.com", "itsm.example.com:8443")
_OPERATIONS = list(operations())
_BODIES = sorted({op.body for op in _OPERATIONS if op.body}, key=lambda model: model.__name__)
_QUERIES = sorted({op.query for op in _OPERATIONS if op.query}, key=lambda model: model.__name__)
_OPERATORS = {
    "eq": "=", "ne": "!=", "lt": "<", "le": "<=", "gt": ">", "ge": ">=",
    "contains": "LIKE", "starts_with": "STARTSWITH", "ends_with": "ENDSWITH",
}  # fmt: skip
_GITHUB = (
    "workflow_run", "check_run", "issues", "dependabot_alert", "code_scanning_alert",
    "secret_scanning_alert", "deployment", "deployment_status", "release", "push", "ping",
)  # fmt: skip
_WAYS = getattr(sender("github"), "ways", ())
_LONGEST_LINE, _LONGEST_TEXT = 160, 4000


def _text(data: bytes) -> str:
    return data.decode("utf-8", "surrogateescape")


def _sent(value: Any) -> None:
    """Hold what goes out to the form in which it goes: JSON in UTF-8, without NaN."""
    json.dumps(value, allow_nan=False).encode()
    json.dumps(value, ensure_ascii=False).encode()


def build_query(data: bytes) -> None:
    """A query is refused, or ServiceNow's parser finds exactly what was asked for."""
    name, _, value = _text(data).partition("\0")
    for method, sign in _OPERATORS.items():
        try:
            query = getattr(field(name), method)(value) & field("active").eq(value=True)
        except InvalidRequestError:
            continue
        parsed = encoded.parse(query.encode(), lambda _: True)
        wanted = (
            (encoded.Condition(name, sign, value),),
            (encoded.Condition("active", "=", "true"),),
        )
        assert parsed.groups == (wanted,), parsed
        query.encode().encode()


def read_events(data: bytes) -> None:
    """An event is understood, dropped as unknown, or refused with a reason."""
    try:
        message = envelopes.read(_text(data))
        events = sources.read(message, Context(clock.now(), "automation", lambda _: Rules())).events
    except UnreadableEventError as error:
        str(error).encode()
        return
    for event in events:
        assert event.owner
        assert event.id
        assert event.moment <= event.received_at
        rule = Rules().rule_for(event).then
        if rule is None:
            continue
        draft = drafts.ticket(event, rule, event.texts, event.dedup_key)
        _sent({**draft.columns, **draft.options, "texts": event.texts})
        assert len(draft.columns["short_description"]) <= _LONGEST_LINE
        assert len(draft.columns["description"]) <= _LONGEST_TEXT


def check_webhook(data: bytes) -> None:
    """Only the right signature passes; a signed body is translated, ignored or refused."""
    signature, _, body = data.partition(b"\n")
    right = "sha256=" + hmac.new(b"secret", body, hashlib.sha256).hexdigest()
    given = _text(signature)
    for sent in (given, right):
        proof = verify(_WAYS, {"x-hub-signature-256": sent}, body, "secret", 0)
        assert (proof is not None) == (sent == right)
    for event in _GITHUB:
        try:
            translations = github.translate(Delivery({"x-github-event": event}, body), Rules())
        except UnreadableEventError:
            continue
        for translation in translations:
            json.dumps({**translation.detail, "user_id": "ada"}, ensure_ascii=False).encode()


def read_bodies(data: bytes) -> None:
    """A body is refused, or fits what is sent to ServiceNow."""
    for model in _BODIES:
        try:
            parsed = model.model_validate_json(data)
        except ValidationError as error:
            repr(error.errors(include_url=False, include_context=False, include_input=False))
            continue
        columns = getattr(parsed, "columns", None)
        _sent(columns() if columns is not None else parsed.model_dump(mode="json"))


def read_queries(data: bytes) -> None:
    """A query string is refused, or one of a search."""
    try:
        document = json.loads(data)
    except (ValueError, RecursionError):
        return
    if not isinstance(document, dict):
        return
    strings = {name: str(value) for name, value in document.items()}
    for model in _QUERIES:
        try:
            parsed = model.model_validate_strings(strings)
        except ValidationError:
            continue
        _sent(parsed.model_dump(mode="json"))


def read_rules(data: bytes) -> None:
    """Rules are refused when saved, or every template in them can be filled."""
    try:
        rules = Rules.model_validate_json(data)
    except ValidationError:
        rules = None
    if rules is not None:
        again = Rules.model_validate_json(rules.model_dump_json(exclude_unset=True))
        assert again == rules
    template = _text(data)
    try:
        texts.checked(template)
    except ValueError:
        return
    texts.fill(template, {"message": "{{service}} & <b>", "service": "x"})


def read_url(data: bytes) -> None:
    """An address is refused, or is an allowed host's and nothing else."""
    try:
        url = instance_url(_text(data), _ALLOWED)
    except ValueError:
        return
    parsed = httpx.URL(url)
    assert parsed.scheme == "https"
    assert not parsed.userinfo
    authority = parsed.netloc.decode("ascii")
    assert authority == "itsm.example.com:8443" or authority.endswith(".service-now.com"), url


def read_answer(data: bytes) -> None:
    """Whatever an instance answers is a result or one of the client's errors."""
    head, _, content = data.partition(b"\n")
    status = 100 + int.from_bytes(head[:2], "big") % 500
    headers = [
        (b"content-type", (b"application/json", b"text/html; charset=" + head[2:])[len(head) % 2]),
        (b"retry-after", head[2:]),
    ]
    request = httpx.Request("GET", "https://x.service-now.com")
    response = httpx.Response(status, headers=headers, request=request)
    try:
        answer = read(response, content, is_write=bool(head))
    except AttemptError as attempt:
        wait = getattr(attempt.error, "retry_after", None)
        assert wait is None or (wait >= 0 and math.isfinite(wait))
        str(attempt.error).encode("utf-8", "surrogatepass")
        return
    assert isinstance(answer, Answer)


TARGETS: "dict[str, Callable[[bytes], None]]" = {
    "build_query": build_query,
    "read_events": read_events,
    "check_webhook": check_webhook,
    "read_bodies": read_bodies,
    "read_queries": read_queries,
    "read_rules": read_rules,
    "read_url": read_url,
    "read_answer": read_answer,
}
