"""Reference columns, and the names by which people know the records they point to."""

import re
from dataclasses import dataclass

_SYS_ID = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True, slots=True)
class Target:
    """What a reference points to.

    Attributes:
        table: the table.
        columns: where a name is looked up, the first that finds it.
    """

    table: str
    columns: tuple[str, ...]


_PERSON = Target("sys_user", ("user_name", "email", "name"))
_ITEM = Target("cmdb_ci", ("name",))
_CHANGE = Target("change_request", ("number",))

# The reference columns that may be given a name.
REFERENCES = {
    "assignment_group": Target("sys_user_group", ("name",)),
    "assigned_to": _PERSON,
    "caller_id": _PERSON,
    "opened_by": _PERSON,
    "requested_by": _PERSON,
    "cmdb_ci": _ITEM,
    "business_service": _ITEM,
    "problem_id": Target("problem", ("number",)),
    "rfc": _CHANGE,
    "caused_by": _CHANGE,
    "parent_incident": Target("incident", ("number",)),
}
TEMPLATE = Target("std_change_record_producer", ("name",))


def is_sys_id(text: str) -> bool:
    """Tell whether a text is a sys_id: 32 hexadecimal digits."""
    return _SYS_ID.fullmatch(text) is not None
