"""What an operation of the HTTP API is, beside its code: `functions/<folder>/operation.py`.

Route, models and headers are read from `app.py`; the description says the rest. From the two come
the OpenAPI document, the payloads in `events/` and what the tests expect (`local/operations.py`).
No function loads these modules.
"""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from actionsync.errors import ActionSyncError

Calls = dict[str, int]
# RFC 9457.
PROBLEM = "application/problem+json"
# The connection, the pauses that concern it, and the secret.
CONNECT: Calls = {"GetItem": 1, "BatchGetItem": 1, "GetSecretValue": 1}
# A write is announced and its outcome recorded.
RECORD: Calls = {"PutItem": 2}
# A share of the writes that a user has in a minute.
SHARE: Calls = {"UpdateItem": 1}


@dataclass(frozen=True, slots=True)
class Request:
    """A request as a caller sends it.

    Attributes:
        body: the JSON body, or text that is sent as it is, or None for no body.
        path: values of the path's names.
        query: the query string.
        headers: headers beyond those that every request has.
        is_signed_in: whether API Gateway has verified a token.
    """

    body: Any = None
    path: dict[str, str] = field(default_factory=dict)
    query: dict[str, str] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    is_signed_in: bool = True


@dataclass(frozen=True, slots=True)
class Refused:
    """A request that is refused.

    Attributes:
        request: the request.
        status: the answer's status.
        fields: the fields that the answer names.
        content_type: of the answer; another than a problem's is that of the operation's answer.
    """

    request: Request
    status: int
    fields: list[str] = field(default_factory=list)
    content_type: str = PROBLEM


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """What the code of an operation does not say.

    Attributes:
        id: the operation's name in the OpenAPI document.
        tag: its chapter there.
        summary: what it does, in a few words.
        status: the status of its success.
        request: an ordinary request.
        answer: name of the answer's schema (`local/schemas.py`), or None for none.
        example: the answer to the request.
        errors: what it refuses beside what its input and ServiceNow bring.
        refused: requests that are refused, by the name of their file in `events/`.
        servicenow_calls: how many calls to ServiceNow a warm request makes.
        updates: how many times a write updates the record that it names; each is noted before.
        cold_calls: calls to AWS of a process's first request; None: those of its kind.
        warm_calls: calls to AWS of a further request; None: those of its kind.
        needs_token: whether API Gateway asks for a token.
        content_type: of the answer, where it is no JSON document of the API; empty: it has no body.
        further_content_types: in which else it answers where a caller prefers them.
        has_written_events: whether its payloads in `events/` are written by hand.
        is_same_for_all: whether it answers every request alike, so that none is refused.
    """

    id: str
    tag: str
    summary: str
    status: int = 200
    request: Request = Request()
    answer: str | None = None
    example: Any = None
    errors: tuple[type["ActionSyncError"], ...] = ()
    refused: dict[str, Refused] = field(default_factory=dict)
    servicenow_calls: int = 0
    updates: int = 1
    cold_calls: Calls | None = None
    warm_calls: Calls | None = None
    needs_token: bool = True
    content_type: str = "application/json"
    further_content_types: tuple[str, ...] = ()
    has_written_events: bool = False
    is_same_for_all: bool = False
