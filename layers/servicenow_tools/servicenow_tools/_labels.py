"""English labels for the codes that ServiceNow stores, on a new instance.

Codes pass as they are, so an instance's own states can be given by code.
"""

import re
from enum import StrEnum

from servicenow_tools.states import STATES, HoldReason

_CODE = re.compile(r"-?[0-9]+")


def _labels(states: type[StrEnum]) -> dict[str, str]:
    return {state.name.lower().replace("_", " "): state.value for state in states}


_LEVELS = {"high": "1", "medium": "2", "low": "3"}
_RISKS = {"very high": "1", "high": "2", "moderate": "3", "medium": "3", "low": "4"}
_TYPES = {"normal": "normal", "standard": "standard", "emergency": "emergency"}
_ALSO = {"cancelled": "canceled"}
_TICKET = {"urgency": _LEVELS, "impact": _LEVELS}

_CODES: dict[str, dict[str, dict[str, str]]] = {
    table: {"state": _labels(states), **_TICKET} for table, states in STATES.items()
}
_CODES["incident"] |= {"hold_reason": _labels(HoldReason)}
_CODES["change_request"] |= {"type": _TYPES, "risk": _RISKS}


def has_codes(table: str, column: str) -> bool:
    """Return whether a column has codes that are known here."""
    return column in _CODES.get(table, {})


def code_of(table: str, column: str, label: str) -> str | None:
    """Return the code for a label, a code as it is, and None for anything else."""
    text = label.strip()
    if _CODE.fullmatch(text):
        return text
    name = text.lower().replace("_", " ")
    return _CODES[table][column].get(_ALSO.get(name, name))


def is_known(table: str, column: str, code: str) -> bool:
    """Return whether a code is one of a new instance's."""
    return code in _CODES[table][column].values()


def names(table: str, column: str) -> str:
    """Return the labels of a column, for an error's text."""
    return ", ".join(_CODES[table][column])


def label_of(table: str, column: str, code: str) -> str:
    """Return the label of a code, with the code: `New (-5)`."""
    codes = _CODES.get(table, {}).get(column, {})
    name = next((name for name, value in codes.items() if value == code), "")
    return f"{name.capitalize()} ({code})" if name else code
