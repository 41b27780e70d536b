"""The address to which an owner's notices go, as requests name it and answers show it."""

import re
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import AfterValidator, Field

from actionsync.rules.sections import Section
from actionsync.stores.addresses import EMAIL, Address

if TYPE_CHECKING:
    from actionsync.stores.addresses import AddressStore

_EMAIL = re.compile(EMAIL)


def _plain(text: str) -> str:
    if not _EMAIL.fullmatch(text):
        raise ValueError("must be plain, as ada@example.com")
    return text


class NoticeAddress(Section):
    """Where an owner's notices go: `email`, null for nowhere but the stack's bus."""

    email: (
        Annotated[
            str,
            Field(max_length=254, json_schema_extra={"pattern": EMAIL}),
            AfterValidator(_plain),
        ]
        | None
    )


def save(store: "AddressStore", owner: str, user_id: str, new: NoticeAddress) -> dict[str, Any]:
    """Set an owner's address, or remove it; return it as `document` does.

    Raises:
        AddressTakenError: another user has named it.
        InvalidInputError: SNS does not take it.
    """
    if new.email is None:
        store.delete(owner)
        return document(store, Address())
    return document(store, store.save(owner, user_id, new.email))


def document(store: "AddressStore", address: "Address") -> dict[str, Any]:
    """Return `{email, is_confirmed}`: an owner's address as answers show it."""
    if not address.email:
        return {"email": None, "is_confirmed": False}
    return {"email": address.email, "is_confirmed": store.is_confirmed(address)}
