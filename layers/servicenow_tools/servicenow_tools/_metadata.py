"""What an instance says about itself: its choices, columns, mandatory fields, and who is who.

Releases and companies differ in all of these, so the instance is asked. What it said is
remembered for ten minutes.
"""

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from servicenow_tools._references import (
    CHOICE_COLUMNS,
    COMMON,
    OTHER_REFERENCES,
    Target,
    is_own,
    is_sys_id,
    known_target,
    needs_dictionary,
)
from servicenow_tools._responses import stored_text, whole_number
from servicenow_tools._ttl_cache import TTLCache
from servicenow_tools.errors import (
    AmbiguousReferenceError,
    InvalidRequestError,
    NotFoundError,
    PermissionDeniedError,
    ReferenceNotFoundError,
    ResponseError,
    ValidationError,
)
from servicenow_tools.query import Query, field
from servicenow_tools.records import Choice, Column, MandatoryField

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Any

    from servicenow_tools._http import Http

_REMEMBERED_SECONDS = 600.0
_TABLE = re.compile(r"[a-z][a-z0-9_]{1,79}")
# How choice values are written; a label has capitals, blanks or other letters.
_VALUE = re.compile(r"[a-z0-9_.-]+")

# Tables that inherit the choices of `task` where they have none of their own.
_TASKS = frozenset(
    {"incident", "change_request", "change_task", "problem", "problem_task", "sc_req_item",
     "sc_task", "sn_si_incident", "sn_si_task"}
)  # fmt: skip

_UNKNOWN_PATH = "does not represent any resource"

# How far a table's ancestors are followed: cmdb_ci's deepest descendants have fewer.
_ANCESTORS = 8

# What an instance answers where the user may not look, or where there is no such thing.
_HIDDEN = (PermissionDeniedError, NotFoundError, ValidationError)


def validate_table(table: str) -> str:
    """Return a table's name.

    Raises:
        InvalidRequestError: it is not a table name.
    """
    if not _TABLE.fullmatch(table):
        raise InvalidRequestError("is no table name", "table")
    return table


class InstanceMetadata:
    """What one instance says about itself, as far as the user may see it."""

    def __init__(self, http: "Http") -> None:
        self._http = http
        self._sys_ids = TTLCache[tuple[str, str, bool], str](_REMEMBERED_SECONDS, size=1000)
        self._choices = TTLCache[tuple[str, str], tuple[_ChoiceRow, ...]](
            _REMEMBERED_SECONDS, size=100
        )
        self._me: dict[str, str] | None = None
        self._unknown_path: str | None = None
        self._columns = TTLCache[str, dict[str, Column]](_REMEMBERED_SECONDS, size=50)
        self._lineages = TTLCache[str, tuple[str, ...]](_REMEMBERED_SECONDS, size=50)
        self._samples = TTLCache[str, frozenset[str]](_REMEMBERED_SECONDS, size=50)

    async def choices(self, table: str, column: str) -> list[Choice]:
        """Return the values that a choice column may take, in the instance's order."""
        rows = await self._choice_rows(table, column)
        languages = {row.language for row in rows}
        language = (await self._user())["preferred_language"] if len(languages) > 1 else ""
        labels: dict[str, _ChoiceRow] = {}
        for row in rows:
            known = labels.get(row.value)
            if known is None or _rank(row, language) > _rank(known, language):
                labels[row.value] = row
        return [Choice(value, row.label) for value, row in labels.items()]

    async def visible_choices(self, table: str, column: str) -> list[Choice]:
        """Return what `choices` does, nothing where the user may not see them."""
        try:
            return await self.choices(table, column)
        except _HIDDEN:
            return []

    async def choice_value(self, table: str, column: str, text: str) -> str | None:
        """Return the value of a choice by its value or a label in any language, or None.

        None as well where several values have the label.
        """
        try:
            rows = await self._choice_rows(table, column)
        except _HIDDEN:
            return None
        if any(row.value == text for row in rows):
            return text
        found = {row.value for row in rows if same(row.label, text) or same(row.value, text)}
        return found.pop() if len(found) == 1 else None

    async def may_have_choices(self, table: str, name: str, text: str) -> bool:
        """Return whether a text may be the label of a choice: it is not written as values are."""
        if _VALUE.fullmatch(text):
            return False
        if is_own(name):
            column = (await self.columns(table)).get(name)
            return column is not None and column.has_choices
        return name in CHOICE_COLUMNS

    async def is_unknown_path(self, error: ValidationError) -> bool:
        """Return whether a refusal says that the instance has no such API, in its language.

        Its text is compared with that for a path that no instance has.
        """
        if self._unknown_path is None and _UNKNOWN_PATH not in (error.message or ""):
            try:
                await self._http.get("/api/now/no_such_resource")
            except ResponseError as refusal:
                self._unknown_path = refusal.message or ""
        known = {_UNKNOWN_PATH, self._unknown_path}
        return any(text in (error.message or "") for text in known if text)

    async def _choice_rows(self, table: str, column: str) -> "tuple[_ChoiceRow, ...]":
        known = self._choices.get((table, column))
        if known is None:
            rows = await self._http.find(
                "sys_choice",
                _choices_query(validate_table(table), column).encode(),
                limit=1000,
                fields=["name", "value", "label", "language"],
            )
            own = [row for row in rows if row.get("name") == table] or rows
            known = self._choices.put((table, column), tuple(_choice_rows(own)))
        return known

    async def user_id(self) -> str | None:
        """Return the sys_id of the user who signs in, or None where it cannot be read."""
        return (await self._user())["sys_id"] or None

    async def _user(self) -> dict[str, str]:
        """Return who signs in: sys_id and language, empty where they cannot be read."""
        if self._me is None:
            names = ("sys_id", "preferred_language")
            rows = await self._visible("sys_user", "sys_id=javascript:gs.getUserID()", *names)
            row = rows[0] if len(rows) == 1 else {}
            self._me = {name: stored_text(row.get(name)) for name in names}
        return self._me

    async def columns(self, table: str) -> dict[str, Column]:
        """Return a table's columns by name, inherited ones among them.

        Empty where the user may not read the instance's dictionary, which needs a role such as
        personalize_dictionary (documentation: System dictionary).
        """
        known = self._columns.get(table)
        if known is None:
            lineage = await self._lineage(table)
            query = field("name").in_(lineage) & field("active").ne("false")
            rows = await self._visible(
                "sys_dictionary",
                (query & field("element").is_not_empty()).encode(),
                "name", "element", "column_label", "internal_type", "reference", "max_length",
                "mandatory", "read_only", "choice",
            )  # fmt: skip
            # A table's own definition comes before its ancestors'.
            rows.sort(key=lambda row: -_place(lineage, row.get("name")))
            columns = [_column(row) for row in rows if row.get("name") in lineage]
            found = {column.name: column for column in columns}
            known = self._columns.put(table, found)
        return dict(known)

    async def mandatory_fields(self, table: str) -> list[MandatoryField]:
        """Return what a record must have: by the dictionary, and by active data policies.

        Empty where the user may see neither. UI policies bind forms alone, not the API
        (documentation: Data policy).
        """
        columns = await self.columns(table)
        found = [
            MandatoryField(column.name, column.label, "", "dictionary")
            for column in columns.values()
            if column.mandatory
        ]
        lineage = await self._lineage(table)
        query = (
            field("sys_data_policy.model_table").in_(lineage)
            & field("sys_data_policy.active").eq("true")
            & field("mandatory").eq("true")
        )
        rows = await self._visible(
            "sys_data_policy_rule", query.encode(),
            "field", "sys_data_policy.model_table", "sys_data_policy.conditions",
            "sys_data_policy.short_description",
        )  # fmt: skip
        for row in rows:
            name = row.get("field", "")
            if name and row.get("sys_data_policy.model_table") in lineage:
                label = columns[name].label if name in columns else name
                policy = row.get("sys_data_policy.short_description") or "data policy"
                condition = (row.get("sys_data_policy.conditions") or "").removesuffix("^EQ")
                found.append(MandatoryField(name, label, condition, policy))
        return found

    async def target_of(self, table: str, name: str) -> Target | None:
        """Return what a reference column points to, or None if it is not known to be one.

        A company's own columns, and those that differ by table, are looked up in the dictionary;
        their records are named by `name` or `number`.
        """
        known = known_target(table, name)
        if known is not None or not needs_dictionary(name):
            return known
        column = (await self.columns(table)).get(name)
        if column is None or not column.reference:
            return None
        names = await self.columns(column.reference)
        return Target(column.reference, tuple(n for n in ("name", "number") if n in names))

    async def sys_id_of(
        self, name: str, given: str, target: Target, *, is_active: bool = False
    ) -> str:
        """Return the sys_id of the only record with this name; an active one wins over others.

        ServiceNow stores a name it cannot resolve as it is, without an error, so names are
        resolved here.

        Args:
            name: the reference column, for errors.
            given: a sys_id, or what names the record.
            target: what the column points to.
            is_active: whether none but an active record will do.

        Raises:
            ReferenceNotFoundError: no record has the name, or only an inactive one.
            AmbiguousReferenceError: several have it.
        """
        if is_sys_id(given):
            return given
        key = (target.table, given, is_active)
        known = self._sys_ids.get(key)
        if known is not None:
            return known
        for column in target.columns:
            try:
                query = field(column).eq(given).encode()
            except InvalidRequestError as error:
                raise InvalidRequestError(error.reason, name) from None
            rows = await self._http.find(
                target.table, query, limit=10, fields=["sys_id", column, "active"]
            )
            named = [
                row
                for row in rows
                if same(row.get(column), given) and is_sys_id(str(row.get("sys_id")))
            ]
            active = [row for row in named if row.get("active") != "false"]
            if named and not active and is_active:
                raise ReferenceNotFoundError(
                    f"only an inactive record of {target.table} has this {column}", name
                )
            found = [row["sys_id"] for row in active or named]
            if len(found) > 1:
                raise AmbiguousReferenceError(
                    f"several records of {target.table} have this {column}; give the sys_id", name
                )
            if found:
                return self._sys_ids.put(key, found[0])
        raise ReferenceNotFoundError(
            f"no record of {target.table} has this {' or '.join(target.columns)}", name
        )

    async def check_query(self, table: str, query: Query) -> None:
        """Refuse a query with a field that the table does not have.

        ServiceNow would ignore the condition and return more than was asked for (documentation:
        Table API, sysparm_query). The names that every instance has are not asked about; where
        the instance does not let one find out, the query passes.

        Raises:
            InvalidRequestError: the field is unknown.
        """
        await self.check_fields(table, query.fields)

    async def check_fields(self, table: str, names: "Iterable[str]") -> None:
        """Refuse a field that the table does not have, as `check_query` does."""
        for path in sorted(set(names)):
            await self._check_path(table, path, path)

    async def _check_path(self, table: str, path: str, whole: str) -> None:
        name, _, rest = path.partition(".")
        known = known_target(table, name)
        target = "" if known is None else known.table
        is_other = name in OTHER_REFERENCES
        is_common = name in COMMON.get(table, ())
        columns: dict[str, Column] = {}
        if not is_common or (rest and is_other):
            columns = await self.columns(table)
            names = frozenset(columns) or await self._sample(table)
            if names and name not in names:
                raise InvalidRequestError(f"is no field of {table}", whole)
            if name in columns:
                target = columns[name].reference
        if not rest:
            return
        if target:
            await self._check_path(target, rest, whole)
        elif name in columns or (is_common and not is_other):
            raise InvalidRequestError("walks through a field that is no reference", whole)

    async def _sample(self, table: str) -> frozenset[str]:
        """Return the column names that a record of the table shows; empty if there is none."""
        known = self._samples.get(table)
        if known is None:
            try:
                rows = await self._http.find(validate_table(table), "", limit=1)
            except PermissionDeniedError:
                rows = []
            known = self._samples.put(table, frozenset(rows[0]) if rows else frozenset())
        return known

    async def _lineage(self, table: str) -> tuple[str, ...]:
        """Return a table and its ancestors, as far as the user may see them."""
        known = self._lineages.get(table)
        if known is None:
            paths = [f"{'super_class.' * depth}name" for depth in range(_ANCESTORS)]
            query = field("name").eq(validate_table(table)).encode()
            rows = await self._visible("sys_db_object", query, *paths)
            found = [row for row in rows if row.get("name") == table]
            names = [stored_text(found[0].get(path)) for path in paths] if found else [table]
            known = self._lineages.put(table, tuple(name for name in names if name))
        return known

    async def _visible(self, table: str, query: str, *fields: str) -> "list[dict[str, Any]]":
        """Return what a query finds in one of the system's own tables, nothing where hidden."""
        try:
            return await self._http.find(table, query, limit=2000, fields=fields)
        except _HIDDEN:
            return []


def same(one: object, other: str) -> bool:
    """Return whether texts are equal, as ServiceNow compares them."""
    return isinstance(one, str) and one.casefold() == other.casefold()


def _choices_query(table: str, column: str) -> Query:
    tables = [table, "task"] if table in _TASKS else [table]
    return (
        field("name").in_(tables) & field("element").eq(column) & field("inactive").eq("false")
    ).order_by("sequence")


@dataclass(frozen=True, slots=True)
class _ChoiceRow:
    value: str
    label: str
    language: str


def _choice_rows(rows: "list[dict[str, Any]]") -> "Iterator[_ChoiceRow]":
    for row in rows:
        value = stored_text(row.get("value"))
        if value:
            label = stored_text(row.get("label")) or value
            yield _ChoiceRow(value, label, stored_text(row.get("language")))


def _rank(row: _ChoiceRow, language: str) -> int:
    """Return how well a label suits a user: in their own language, else English, else any."""
    return 2 if language and row.language == language else int(row.language == "en")


def _place(lineage: tuple[str, ...], table: object) -> int:
    return lineage.index(table) if table in lineage else len(lineage)


def _column(row: "dict[str, Any]") -> Column:
    name = stored_text(row.get("element"))
    return Column(
        name=name,
        label=stored_text(row.get("column_label")) or name,
        type=stored_text(row.get("internal_type")),
        reference=stored_text(row.get("reference")),
        max_length=whole_number(row.get("max_length")),
        mandatory=row.get("mandatory") == "true",
        read_only=row.get("read_only") == "true",
        has_choices=row.get("choice") in {"1", "3"},
    )
