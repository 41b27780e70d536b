"""Cursors of pages: where the next one begins, with a mark that shows one of another search."""

import base64
import hashlib
import json
from typing import Any

from actionsync.errors import FieldError, InvalidInputError


def cursor_of(place: str, search: list[Any]) -> str:
    """Return a place as a cursor of a search. Its mark guards no secret.

    Whoever forges one still reads only their own: the owner is the token's.
    """
    content = json.dumps([place, search], sort_keys=True).encode()
    mark = hashlib.blake2s(content, digest_size=8).hexdigest()
    return f"{base64.urlsafe_b64encode(place.encode()).decode().rstrip('=')}.{mark}"


def place_of(cursor: str, search: list[Any]) -> str:
    """Return the place of a cursor.

    Raises:
        InvalidInputError: it is none of this search.
    """
    encoded = cursor.partition(".")[0]
    try:
        place = base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4)).decode()
    except ValueError:
        place = ""
    if not place or cursor != cursor_of(place, search):
        raise InvalidInputError(FieldError("cursor", "is not a cursor of this search"))
    return place
