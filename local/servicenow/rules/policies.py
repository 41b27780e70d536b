"""Data policies and the business rules that abort, as rows of their tables say.

Documentation: Data policies; Business rules. What is mandatory by default stands in `POLICIES`,
which the demo data turns into rows; a company's own come from a profile or from the API.
"""

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..errors import aborted_by, data_policy

if TYPE_CHECKING:
    from .write import Write


@dataclass(frozen=True, slots=True)
class Policy:
    """A data policy.

    Attributes:
        table: the table it is for.
        name: what it says.
        condition: the encoded query that a record meets to which it applies; empty for all.
        mandatory: the columns that must not be empty then.
    """

    table: str
    name: str
    condition: str
    mandatory: tuple[str, ...]


_RESTORED = re.compile(r"current\.(\w+) = previous\.\1;")
_RESOLVED_PROBLEM = "stateIN106,107^resolution_code="

POLICIES = (
    Policy(
        "incident", "Resolved incidents say how", "stateIN6,7^EQ", ("close_code", "close_notes")
    ),
    Policy("change_request", "Closed changes say how", "state=3^EQ", ("close_code", "close_notes")),
    Policy(
        "sn_si_incident",
        "Closed security incidents say how",
        "state=3^EQ",
        ("close_code", "close_notes"),
    ),
    Policy(
        "problem", "Problems worked on are assigned", "stateIN102,103,104,106^EQ", ("assigned_to",)
    ),
    Policy(
        "problem", "A fix in progress is described", "state=104^EQ", ("cause_notes", "fix_notes")
    ),
    Policy("problem", "Resolved problems say how", "stateIN106,107^EQ", ("resolution_code",)),
    Policy(
        "problem",
        "An applied fix is described",
        f"{_RESOLVED_PROBLEM}fix_applied^EQ",
        ("cause_notes", "fix_notes"),
    ),
    Policy(
        "problem",
        "An accepted risk is explained",
        f"{_RESOLVED_PROBLEM}risk_accepted^EQ",
        ("cause_notes", "close_notes"),
    ),
    Policy(
        "problem",
        "A canceled problem says why",
        f"{_RESOLVED_PROBLEM}canceled^EQ",
        ("close_notes",),
    ),
    Policy(
        "problem",
        "A duplicate names its problem",
        f"{_RESOLVED_PROBLEM}duplicate^EQ",
        ("duplicate_of",),
    ),
)


def check_policies(write: "Write") -> None:
    """Refuse a record without what data policies call mandatory.

    Raises:
        ApiError: 403, naming all that is missing.
    """
    store, table = write.store, write.table
    missing: dict[str, None] = {}
    for name in reversed(store.schema.lineage(table.name)):
        for policy in store.rows("sys_data_policy2"):
            if policy["model_table"] != name or policy["active"] != "true":
                continue
            fields = [
                rule["field"]
                for rule in store.rows("sys_data_policy_rule")
                if rule["sys_data_policy"] == policy["sys_id"] and rule["mandatory"] == "true"
            ]
            empty = [field for field in fields if not write.new.get(field)]
            if empty and store.meets(table.name, write.new, policy["conditions"], write.session):
                missing |= {table.columns[field].label: None for field in empty}
    if missing:
        raise data_policy(list(missing))


def check_business_rules(write: "Write") -> None:
    """Refuse a record that an active business rule aborts, and set back what one restores.

    Of scripts, statements of the form `current.state = previous.state;` are understood.

    Raises:
        ApiError: 403.
    """
    action = "action_insert" if write.is_insert else "action_update"
    tables = write.store.schema.lineage(write.table.name)
    for rule in write.store.rows("sys_script"):
        if (
            rule["collection"] in tables
            and rule["active"] == rule[action] == "true"
            and write.store.meets(
                write.table.name, write.new, rule["filter_condition"], write.session
            )
        ):
            if rule["abort_action"] == "true":
                raise aborted_by(write.table.name, rule["name"], rule["sys_id"])
            for column in _RESTORED.findall(rule["script"]):
                write.new[column] = write.old[column]
