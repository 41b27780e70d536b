"""People's words for the codes that ServiceNow stores, on a new instance.

Numbers pass as they are, so an instance with states of its own can be told them.
"""

import re
from typing import TypeVar

from servicenow_tools.errors import InvalidRequestError

Value = TypeVar("Value")

LEVELS = {"high": "1", "medium": "2", "low": "3"}
RISKS = {"very high": "1", "high": "2", "moderate": "3", "medium": "3", "low": "4"}
CHANGE_TYPES = {"normal": "normal", "standard": "standard", "emergency": "emergency"}

INCIDENT_STATES = {
    "new": "1",
    "in progress": "2",
    "on hold": "3",
    "resolved": "6",
    "closed": "7",
    "canceled": "8",
    "cancelled": "8",
}
CHANGE_STATES = {
    "new": "-5",
    "assess": "-4",
    "authorize": "-3",
    "scheduled": "-2",
    "implement": "-1",
    "review": "0",
    "closed": "3",
    "canceled": "4",
    "cancelled": "4",
}

HOLD_REASONS = {
    "awaiting caller": "1",
    "awaiting problem": "3",
    "awaiting vendor": "4",
    "awaiting change": "5",
}

# The states in which there is still something to do.
OPEN_STATES = {
    "incident": ("1", "2", "3"),
    "change_request": ("-5", "-4", "-3", "-2", "-1", "0"),
}

_WORDS = {
    "incident": {
        "state": INCIDENT_STATES,
        "urgency": LEVELS,
        "impact": LEVELS,
        "hold_reason": HOLD_REASONS,
    },
    "change_request": {
        "state": CHANGE_STATES,
        "type": CHANGE_TYPES,
        "risk": RISKS,
        "impact": LEVELS,
    },
}


def code(table: str, field: str, value: Value) -> Value | str:
    """Return the code for a word, and anything else as it is.

    Raises:
        InvalidRequestError: the field has words, and this is neither one of them nor a number.
    """
    words = _WORDS.get(table, {}).get(field)
    if words is None or value is None or value == "":
        return value
    text = str(value).strip()
    if re.fullmatch(r"-?[0-9]+", text):
        return text
    word = text.lower().replace("_", " ")
    if word not in words:
        raise InvalidRequestError(f"must be a number or one of: {', '.join(words)}", field)
    return words[word]


def label(table: str, field: str, stored: str) -> str:
    """Return the word for a code, with the code: `New (-5)`."""
    words = _WORDS.get(table, {}).get(field, {})
    name = next((word for word, value in words.items() if value == stored), "")
    return f"{name.capitalize()} ({stored})" if name else stored
