"""The links of the audit trail: each record holds the hash of the one before.

Whoever changes, inserts or takes out a record breaks the chain there; `first_break` names the
place. Records end with their time to live: a missing record is no break once its time was over,
which the record after it says. Records that were taken from the newest end leave no gap: an anchor,
a link that was known earlier, shows those.
"""

import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mypy_boto3_dynamodb.type_defs import AttributeValueTypeDef


@dataclass(frozen=True, slots=True)
class Link:
    """A record in its user's chain.

    Attributes:
        user_id: whose chain.
        seq: its place, from 1.
        text: the record, as JSON.
        expires_at: epoch seconds at which it may go.
        previous: the hash of the link before; empty for the first.
        previous_expires_at: when that one may go; 0 for the first.
    """

    user_id: str
    seq: int
    text: str
    expires_at: int
    previous: str = ""
    previous_expires_at: int = 0

    @property
    def hash(self) -> str:
        """The SHA-256 of all of it."""
        values = [self.user_id, self.seq, self.text, self.expires_at, self.previous]
        return hashlib.sha256(json.dumps([*values, self.previous_expires_at]).encode()).hexdigest()

    def item(self) -> "dict[str, AttributeValueTypeDef]":
        """Return it as DynamoDB keeps it."""
        return {
            "pk": {"S": self.user_id},
            "sk": {"N": str(self.seq)},
            "record": {"S": self.text},
            "expires_at": {"N": str(self.expires_at)},
            "previous": {"S": self.previous},
            "previous_expires_at": {"N": str(self.previous_expires_at)},
            "hash": {"S": self.hash},
        }


@dataclass(frozen=True, slots=True)
class Anchor:
    """A link that was known earlier: its place and its hash."""

    seq: int
    hash: str


@dataclass(frozen=True, slots=True)
class Break:
    """Where a chain is broken, and how."""

    seq: int
    reason: str


def link_of(item: "dict[str, AttributeValueTypeDef]") -> Link:
    """Return the link in an item, which may have been tampered with.

    Raises:
        KeyError: it lacks an attribute, or has it in another type.
    """
    return Link(
        user_id=item["pk"]["S"],
        seq=int(item["sk"]["N"]),
        text=item["record"]["S"],
        expires_at=int(item["expires_at"]["N"]),
        previous=item["previous"]["S"],
        previous_expires_at=int(item["previous_expires_at"]["N"]),
    )


def first_break(
    items: "Iterable[dict[str, Any]]", now: int, anchors: "Iterable[Anchor]" = ()
) -> Break | None:
    """Return the first place at which a user's chain is broken, or None.

    Args:
        items: the user's items, from the oldest.
        now: epoch seconds.
        anchors: links that were known earlier.
    """
    known = {anchor.seq: anchor.hash for anchor in anchors}
    before: Link | None = None
    last_seq = 0
    for item in items:
        seq = int(item["sk"]["N"])
        try:
            link = link_of(item)
            is_whole = item["hash"]["S"] == link.hash
        except KeyError:
            return Break(seq, "the record lacks a part")
        if not is_whole:
            return Break(seq, "the record was changed: its hash is another")
        if known.get(seq, link.hash) != link.hash:
            return Break(seq, "the record is not the one that was known earlier")
        if broken := _gap(before, link, now):
            return broken
        before, last_seq = link, seq
    # An anchor may go with its time, but nothing that is newer than all that is left.
    missing = min((seq for seq in known if seq > last_seq), default=None)
    return None if missing is None else Break(last_seq + 1, f"the chain ends before {missing}")


def _gap(before: Link | None, link: Link, now: int) -> Break | None:
    """Return what is wrong between a link and the one before it."""
    seq = link.seq - 1
    if before is not None and before.seq == seq:
        if before.hash == link.previous:
            return None
        return Break(seq, "the record was replaced: the one after it holds another hash")
    if seq == 0 or link.previous_expires_at <= now:
        return None
    return Break(seq, "the record was taken out before its time")
