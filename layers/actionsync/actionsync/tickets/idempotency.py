"""One write for one Idempotency-Key."""

import hashlib
import json
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from actionsync.errors import WriteInProgressError
from actionsync.stores.idempotency import Done, IdempotencyRecord, IdempotencyStore
from servicenow_tools.errors import ServiceNowError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable


# With room for the item's other attributes.
_MAX_ANSWER_BYTES = 350_000
_NAMES = ("sys_id", "number", "url", "state", "correlation_id")


@dataclass(frozen=True, slots=True)
class Write:
    """A write that a caller asks for.

    Attributes:
        owner: who asks.
        name: the operation and what it works on.
        idempotency_key: the caller's key, or None where every call is a write of its own.
        content: what is written, as JSON has it.
    """

    owner: str
    name: str
    idempotency_key: str | None
    content: dict[str, Any]

    @property
    def key(self) -> str:
        """What names the write: no other user and no other operation shares it."""
        return _digest([self.owner, self.name, self.idempotency_key])

    @property
    def correlation_id(self) -> str | None:
        """What a record created by this write is recognised by: the same for the same key."""
        if self.idempotency_key is None:
            return None
        return f"actionsync-{self.key[:32]}"


async def run_once(
    records: IdempotencyStore,
    write: Write,
    do: "Callable[[IdempotencyRecord | None], Awaitable[dict[str, Any]]]",
) -> dict[str, Any]:
    """Do a write, or return what it answered when it was done before.

    Args:
        records: the idempotency records.
        write: what is asked for.
        do: does it and returns the answer. It is given this attempt, or None where the caller sent
            no key; `attempt.taken_over` says that a dead attempt may have done it already.

    Raises:
        IdempotencyKeyReusedError: the key came with another content before.
        WriteInProgressError: the key's first request has not ended, or what it sent may still
            take effect.
        ServiceNowError: what `do` raises. The key is free again where nothing can have been
            written; else the next request with it finds out first.
    """
    if write.idempotency_key is None:
        return await do(None)
    attempt = records.claim(
        f"WRITE#{write.key}", _digest(write.content), uuid.uuid4().hex, write.owner, write.name
    )
    if isinstance(attempt, Done):
        answer: dict[str, Any] = json.loads(attempt.answer)
        return answer
    try:
        answer = await do(attempt)
    except ServiceNowError as error:
        if error.maybe_applied or attempt.taken_over:
            records.expire_lease(attempt, has_sent=error.maybe_applied)
        else:
            records.release(attempt)
        raise
    except WriteInProgressError:
        records.expire_lease(attempt, has_sent=False)
        raise
    records.finish(attempt, _stored(answer))
    return answer


def _stored(answer: dict[str, Any]) -> str:
    """Return an answer as it is stored for who repeats the key; one that is too large in short.

    An item of DynamoDB has at most 400 KB. In short, texts are cut, or what names the ticket is
    left alone; `is_cut` says so.
    """
    named = {name: answer[name] for name in _NAMES if name in answer}
    for short in (
        lambda: answer,
        lambda: {**_cut(answer, 1000), "is_cut": True},
        lambda: {**_cut(answer, 200), "is_cut": True},
    ):
        text = json.dumps(short(), ensure_ascii=False)
        if len(text.encode()) <= _MAX_ANSWER_BYTES:
            return text
    return json.dumps({**_cut(named, 1000), "ignored_fields": [], "is_cut": True})


def _cut(value: Any, longest: int) -> Any:
    if isinstance(value, str):
        return value[:longest]
    if isinstance(value, list):
        return [_cut(each, longest) for each in value]
    if isinstance(value, dict):
        return {name: _cut(each, longest) for name, each in value.items()}
    return value


def _digest(value: object) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()
