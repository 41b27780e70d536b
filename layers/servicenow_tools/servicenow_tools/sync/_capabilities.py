# Generated from servicenow_tools/_capabilities.py by `make sync`: change that one.
"""What an instance allows its user, in nine requests that read."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from servicenow_tools.errors import (
    NotFoundError,
    PermissionDeniedError,
    UnexpectedContentError,
    ValidationError,
)
from servicenow_tools.query import Query
from servicenow_tools.query import field as column
from servicenow_tools.records import Capability
from servicenow_tools.sync._responses import stored_text

if TYPE_CHECKING:
    from servicenow_tools.sync._http import Http

_ROWS = 1000
_WHO = "javascript:gs.getUserID()"
_ME = "javascript:gs.getUserName()"
_OURS = {"incident": "incident", "change_request": "change"}
_TASKS = ("task", *_OURS)
_MAY_OPEN_INCIDENTS = frozenset({"admin", "itil", "sn_incident_write"})
_MAY_OPEN_CHANGES = frozenset({"admin", "itil", "sn_change_write", "change_manager"})
_MAY_APPROVE = frozenset({"admin", "approver_user", "change_manager"})
# What an instance answers where the user may not look, or where there is no such thing.
_HIDDEN = (PermissionDeniedError, NotFoundError, ValidationError, UnexpectedContentError)

Rows = list[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class _Seen:
    """What could be read; None where the user may not look."""

    me: Rows
    roles: Rows | None
    choices: Rows | None
    mandatory: Rows | None
    policies: Rows | None
    models: Rows | None
    properties: Rows | None
    notes: Rows | None
    approvals: Rows | None


def find_capabilities(http: "Http") -> list[Capability]:
    """Ask what the instance allows, and say what follows.

    Raises:
        ServiceNowError: the instance failed, or nobody is signed in.
    """
    me = http.find(
        "sys_user", f"sys_id={_WHO}", limit=1,
        fields=["user_name", "time_zone", "preferred_language"],
    )  # fmt: skip
    choices = _of("name", _OURS) & _of("element", ("state", "close_code"))
    mandatory = column("mandatory").eq("true")
    policies = _of("sys_data_policy.model_table", _TASKS) & mandatory
    zones = _of("name", ("glide.sys.default.tz", "glide.sys.language"))
    seen = _Seen(
        me=me,
        roles=_visible(
            http, "sys_user_has_role", f"user={_WHO}^state=active", "role.name"
        ),
        choices=_visible(
            http, "sys_choice", (choices & column("inactive").eq("false")).encode(),
            "name", "element", "value",
        ),
        mandatory=_visible(
            http, "sys_dictionary", (_of("name", _TASKS) & mandatory).encode(), "name", "element"
        ),
        policies=_visible(
            http, "sys_data_policy_rule", policies.encode(),
            "field", "sys_data_policy.model_table", "sys_data_policy.conditions",
        ),
        models=_models(http),
        properties=_visible(http, "sys_properties", zones.encode(), "name", "value"),
        notes=_visible(
            http, "sys_journal_field", f"sys_created_by={_ME}^element=work_notes", "element",
            limit=1,
        ),
        approvals=_visible(
            http, "sysapproval_approver", f"approver={_WHO}", "state", limit=1
        ),
    )  # fmt: skip
    return [
        _roles(seen),
        *(_codes(seen, table) for table in _OURS),
        *(_mandatory(seen, table, step) for table in _OURS for step in ("open", "close")),
        *(_states(seen, table) for table in _OURS),
        _change_models(seen),
        *_place(seen),
        _journals(seen),
        _own_approval(seen),
    ]


def _visible(http: "Http", table: str, query: str, *fields: str, limit: int = _ROWS) -> Rows | None:
    try:
        return http.find(table, query, limit=limit, fields=fields)
    except _HIDDEN:
        return None


def _models(http: "Http") -> Rows | None:
    try:
        return (http.get("/api/sn_chg_rest/change/model")).records()
    except _HIDDEN:
        return None


def _roles(seen: _Seen) -> Capability:
    roles = _values(seen.roles, "role.name")
    if not roles:
        return Capability(
            "roles", "unknown", (),
            "Whether tickets can be opened shows at the first one.",
            "Give the user itil: without it, nobody can read their own roles.",
        )  # fmt: skip
    cannot = [
        what
        for what, enough in (("incidents", _MAY_OPEN_INCIDENTS), ("changes", _MAY_OPEN_CHANGES))
        if not enough & set(roles)
    ]
    if cannot:
        return Capability(
            "roles", "no", roles, f"The user cannot open {' and '.join(cannot)}.",
            "Give the user itil, or sn_incident_write and sn_change_write.",
        )  # fmt: skip
    return Capability("roles", "yes", roles, "The user can open incidents and changes.")


def _codes(seen: _Seen, table: str) -> Capability:
    name = f"{_OURS[table]}_close_codes"
    if codes := _choices(seen, table, "close_code"):
        return Capability(name, "yes", codes, "What is resolved or closed gets one of these.")
    return Capability(
        name, "unknown", (),
        "Without a code, a recovery is written down as a work note.",
        "Let the user read sys_choice, or name the close code in the rules.",
    )  # fmt: skip


def _mandatory(seen: _Seen, table: str, step: str) -> Capability:
    """Say what must be set to open a ticket, or to resolve or close it.

    The dictionary and policies without a condition concern the opening, policies whose condition
    speaks of the state the end.
    """
    name = f"mandatory_to_{step}_{_OURS[table]}"
    if not (seen.mandatory if step == "open" else seen.policies):
        return Capability(
            name, "unknown", (),
            "What is missing shows when ServiceNow refuses it.",
            "Let the user read sys_dictionary and sys_data_policy_rule.",
        )  # fmt: skip
    columns: set[str] = set()
    if step == "open":
        columns.update(_values(_of_table(seen.mandatory, "name", table), "element"))
    for row in _of_table(seen.policies, "sys_data_policy.model_table", table):
        condition = stored_text(row.get("sys_data_policy.conditions")).removesuffix("^EQ")
        if ("state" in condition) if step == "close" else not condition:
            columns.add(stored_text(row.get("field")))
    means = "ServiceNow refuses a ticket without these: a rule must set what no event brings."
    return Capability(name, "yes", tuple(sorted(columns - {""})), means)


def _states(seen: _Seen, table: str) -> Capability:
    name = f"{_OURS[table]}_states"
    if states := _choices(seen, table, "state"):
        return Capability(name, "yes", states, "A ticket goes through these states.")
    return Capability(
        name, "unknown", (), "The states of the base system are assumed.",
        "Let the user read sys_choice.",
    )  # fmt: skip


def _change_models(seen: _Seen) -> Capability:
    if seen.models is None:
        return Capability(
            "change_models", "unknown", (), "Changes are opened by their type alone.",
            "Give the user sn_change_read, or activate the Change Management API.",
        )  # fmt: skip
    names = _values(seen.models, "name")
    return Capability("change_models", "yes", names, "A rule can name one of these.")


def _place(seen: _Seen) -> list[Capability]:
    me = seen.me[0] if seen.me else {}
    properties = {
        stored_text(row.get("name")): stored_text(row.get("value")) for row in seen.properties or ()
    }
    found = []
    for name, own, general, means in (
        ("language", "preferred_language", "glide.sys.language",
         "Labels are understood in this language and in English."),
        ("time_zone", "time_zone", "glide.sys.default.tz",
         "Moments are sent and read as UTC; people see them in their own zone."),
    ):  # fmt: skip
        value = stored_text(me.get(own)) or properties.get(general, "")
        found.append(
            Capability(name, "yes", (value,), means)
            if value
            else Capability(name, "unknown", (), means, "Set it in the user's own record.")
        )
    return found


def _journals(seen: _Seen) -> Capability:
    if seen.notes:
        return Capability("journals", "yes", (), "A work note is recognised and not added twice.")
    hidden = seen.notes is None
    return Capability(
        "journals", "no" if hidden else "unknown", (),
        "A work note may be added twice after a time-out.",
        "Let the user read sys_journal_field (role itil, as a rule)." if hidden
        else "No note of this user can be seen: there is none yet, or journals are hidden.",
    )  # fmt: skip


def _own_approval(seen: _Seen) -> Capability:
    roles = set(_values(seen.roles, "role.name"))
    may = sorted(roles & _MAY_APPROVE)
    if may or seen.approvals:
        return Capability(
            "own_approval", "yes", tuple(may),
            "The user may approve the changes that it opens, so that an approval proves little.",
            "Use a user without these roles, who is in no group that approves.",
        )  # fmt: skip
    if not roles:
        return Capability("own_approval", "unknown", (), "The user's roles cannot be read.")
    return Capability("own_approval", "no", (), "Somebody else approves what the user opens.")


def _choices(seen: _Seen, table: str, element: str) -> tuple[str, ...]:
    return _values(
        [
            row
            for row in seen.choices or ()
            if (row.get("name"), row.get("element")) == (table, element)
        ],
        "value",
    )


def _of(name: str, values: Iterable[str]) -> Query:
    return column(name).in_(list(values))


def _of_table(rows: Rows | None, name: str, table: str) -> Rows:
    """Return the rows of a table, and of the one that it extends."""
    return [row for row in rows or () if row.get(name) in {table, "task"}]


def _values(rows: Rows | None, name: str) -> tuple[str, ...]:
    return tuple(sorted({stored_text(row.get(name)) for row in rows or ()} - {""}))
