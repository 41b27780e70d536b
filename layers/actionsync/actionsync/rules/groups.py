"""One ticket for many: what of an event says which group it belongs to."""

import re
from typing import Annotated

from pydantic import AfterValidator, Field

_PARTS = ("source", "name", "title", "service", "environment", "account", "region", "severity",
          "day")  # fmt: skip
_LABEL = re.compile(r"labels\..{1,100}")


def _part(name: str) -> str:
    if name not in _PARTS and not _LABEL.fullmatch(name):
        raise ValueError(f"must be one of {', '.join(_PARTS)} and labels.<name>")
    return name


# Parts of an event: events that have the same in all are one ticket. None: all of the rule are.
GroupBy = Annotated[list[Annotated[str, AfterValidator(_part)]], Field(max_length=10)]
