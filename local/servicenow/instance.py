"""An instance: its records, its users, and the way a write takes through its rules."""

import itertools
import re
import secrets
import threading
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from local.servicenow import query as encoded
from local.servicenow import rules
from local.servicenow.access import Access, Application
from local.servicenow.errors import ApiError
from local.servicenow.faults import Faults
from local.servicenow.schema import Column, Table, tables

Row = dict[str, str]

_SYS_ID = re.compile(r"[0-9a-f]{32}")
_JOURNALS = ("work_notes", "comments")


@dataclass(frozen=True, slots=True)
class Account:
    """Who calls: a row of sys_user with what is needed to sign in."""

    sys_id: str
    user_name: str
    password: str = field(repr=False)
    roles: frozenset[str]
    basic_auth: bool = True

    def has(self, *roles: str) -> bool:
        """Tell whether the user has one of these roles; an admin has all."""
        return "admin" in self.roles or not self.roles.isdisjoint(roles)


@dataclass(frozen=True, slots=True)
class LoggedRequest:
    """A request as the instance saw it, without its credentials; `is_part` of a batch or alone."""

    method: str
    path: str
    query: str
    user: str
    status: int
    is_part: bool = False


class Instance:
    """All state of one simulated instance. Its methods may be called from any thread."""

    def __init__(self, base_url: str = "https://localhost") -> None:
        """Make an empty instance; `seed.fill` puts the demo data in."""
        self.base_url = base_url
        self.faults = Faults()
        self.requests: list[LoggedRequest] = []
        self.accounts: dict[str, Account] = {}
        self.access = Access()
        self.contents: dict[str, bytes] = {}
        self.attachment_limit = 1024 * 1024 * 1024
        self.batch_limit: int | None = None
        self.workers: dict[str, dict[str, Any]] = {}
        self.lock = threading.RLock()
        self._rows: dict[str, dict[str, Row]] = {name: {} for name in tables()}
        self._numbers = {
            table.name: itertools.count(table.first_number)
            for table in tables().values()
            if table.prefix
        }
        self._last_moment = datetime.min.replace(tzinfo=UTC)

    # ---- reading

    def records(self, table: str) -> list[Row]:
        """Return copies of a table's records, oldest first."""
        with self.lock:
            return [dict(row) for row in self._rows[table].values()]

    def find(self, table: str, sys_id: str) -> Row | None:
        """Return a record itself, or None."""
        return self._rows[table].get(sys_id)

    def one(self, table: str, **values: str) -> Row:
        """Return a copy of the only record with these values, for assertions.

        Raises:
            LookupError: there is none, or more than one.
        """
        found = [
            row
            for row in self.records(table)
            if all(row[name] == value for name, value in values.items())
        ]
        if len(found) != 1:
            raise LookupError(f"{len(found)} records of {table} have {values}")
        return found[0]

    def search(self, table: str, text: str, user: Account) -> list[Row]:
        """Return the records that an encoded query finds and the user may read, in its order."""
        definition = tables()[table]

        def is_valid(condition: encoded.Condition) -> bool:
            return self._column(definition, condition.field) is not None and not (
                condition.value.startswith("javascript:")
            )

        parsed = encoded.parse(self._evaluated(text, user), is_valid)
        with self.lock:
            return encoded.select(
                parsed,
                list(self._rows[table].values()),
                lambda row, path: self.value(definition, row, path),
            )

    def value(self, table: Table, row: Row, path: str) -> str:
        """Return a row's value for a field that may be dot-walked, or an empty text."""
        name, _, rest = path.partition(".")
        if not rest:
            return row.get(name, "")
        column = table.columns.get(name)
        if column is None or column.kind != "reference":
            return ""
        target = self._rows[column.reference].get(row.get(name, ""))
        if target is None and column.reference == "task":
            target = self._task(row.get(name, ""))
        return "" if target is None else self.value(tables()[column.reference], target, rest)

    def display(self, column: Column, value: str) -> str:
        """Return what a person sees for a value."""
        if column.kind == "reference":
            target = self._rows[column.reference].get(value) or (
                self._task(value) if column.reference == "task" else None
            )
            return "" if target is None else target[tables()[column.reference].display]
        if column.kind == "choice" and value:
            return self.choices.get(column.name, {}).get(value, value)
        return value

    @property
    def choices(self) -> dict[str, dict[str, str]]:
        """Labels by column and value, of all tables."""
        labels: dict[str, dict[str, str]] = {}
        for row in self._rows["sys_choice"].values():
            labels.setdefault(row["element"], {}).setdefault(row["value"], row["label"])
        return labels

    def allowed_choices(self, table: str, column: str) -> dict[str, str] | None:
        """Return the active choices of a column, value to label, or None where any value goes."""
        found = {
            row["value"]: row["label"]
            for row in self._rows["sys_choice"].values()
            if row["element"] == column
            and row["name"] in {table, "task"}
            and row["inactive"] == "false"
        }
        return found or None

    def journal(self, row: Row, name: str) -> str:
        """Return a journal's whole history, newest entry first, as display values show it."""
        labels = {"work_notes": "Work notes", "comments": "Additional comments"}
        names = _JOURNALS if name == "comments_and_work_notes" else (name,)
        entries = [
            entry
            for entry in self._rows["sys_journal_field"].values()
            if entry["element_id"] == row["sys_id"] and entry["element"] in names
        ]
        return "".join(
            f"{entry['sys_created_on']} - {self._full_name(entry['sys_created_by'])} "
            f"({labels[entry['element']]})\n{entry['value']}\n\n"
            for entry in reversed(entries)
        )

    # ---- writing

    def insert(
        self, table: str, values: dict[str, Any], user: Account, *, display_input: bool = False
    ) -> Row:
        """Make a record and return it.

        Raises:
            ApiError: a rule forbids it.
        """
        definition = tables()[table]
        with self.lock:
            moment = self.now()
            row = {name: column.default for name, column in definition.columns.items()}
            sys_id = str(values.get("sys_id", ""))
            row |= {
                "sys_id": sys_id if len(sys_id) == 32 else secrets.token_hex(16),  # noqa: PLR2004
                "sys_created_on": moment,
                "sys_created_by": user.user_name,
            }
            if "sys_class_name" in row and not row["sys_class_name"]:
                row["sys_class_name"] = table
            if definition.prefix:
                row["number"] = f"{definition.prefix}{next(self._numbers[table]):07d}"
            if "opened_by" in row:
                row |= {"opened_by": user.sys_id, "opened_at": moment}
            written, notes = self._accepted(definition, row, values, display_input=display_input)
            row |= written
            rules.before_insert(definition, row, user)
            self._store(definition, row, user, moment)
            self._note(definition, row, notes, user)
            return row

    def update(
        self,
        table: str,
        row: Row,
        values: dict[str, Any],
        user: Account,
        *,
        display_input: bool = False,
    ) -> Row:
        """Change a record and return it.

        Raises:
            ApiError: a rule forbids it; nothing is changed then.
        """
        definition = tables()[table]
        with self.lock:
            written, notes = self._accepted(definition, row, values, display_input=display_input)
            new = row | written
            moment = self.now()
            rules.before_update(definition, row, new, user, moment)
            # Only a display value is hashed or encrypted; what is stored as it came fits nothing.
            if password := new.get("user_password"):
                self.set_password(new["user_name"], password if display_input else "")
                new["user_password"] = ""  # nobody reads it
            if secret := new.get("client_secret"):
                self.set_client_secret(new["client_id"], secret if display_input else "")
                new["client_secret"] = ""
            if new != row or notes:
                new["sys_mod_count"] = str(int(new["sys_mod_count"]) + 1)
                old = dict(row)
                row.update(new)
                self._store(definition, row, user, moment)
                self._note(definition, row, notes, user)
                rules.after_update(self, definition, old, row)
            return row

    def delete(self, table: str, sys_id: str) -> None:
        """Remove a record."""
        with self.lock:
            del self._rows[table][sys_id]

    def put(self, table: str, **values: str) -> Row:
        """Put a record in as it is, past all rules: for demo data and tests."""
        definition = tables()[table]
        with self.lock:
            moment = self.now()
            row = {name: column.default for name, column in definition.columns.items()}
            row |= {
                "sys_id": secrets.token_hex(16),
                "sys_created_on": moment,
                "sys_created_by": "system",
                "sys_updated_on": moment,
                "sys_updated_by": "system",
            }
            if "sys_class_name" in row:
                row["sys_class_name"] = table
            if definition.prefix and "number" not in values:
                row["number"] = f"{definition.prefix}{next(self._numbers[table]):07d}"
            row |= values
            self._rows[table][row["sys_id"]] = row
            return row

    def add_user(
        self,
        user_name: str,
        password: str,
        *roles: str,
        name: str = "",
        active: bool = True,
        basic_auth: bool = True,
    ) -> Account:
        """Add a user with roles; `basic_auth=False` is refused basic authentication."""
        first, _, last = (name or user_name).partition(" ")
        row = self.put(
            "sys_user",
            user_name=user_name,
            first_name=first,
            last_name=last,
            name=name or user_name,
            email=f"{user_name}@example.com",
            active="true" if active else "false",
        )
        for role in roles:
            role_row = next(
                (found for found in self.records("sys_user_role") if found["name"] == role), None
            ) or self.put("sys_user_role", name=role)
            self.put(
                "sys_user_has_role",
                user=row["sys_id"],
                role=role_row["sys_id"],
                state="active",
                inherited="false",
            )
        account = Account(row["sys_id"], user_name, password, frozenset(roles), basic_auth)
        self.accounts[user_name] = account
        return account

    def set_password(self, user_name: str, password: str) -> None:
        """Give a user another password; an empty one is never right."""
        self.accounts[user_name] = replace(self.accounts[user_name], password=password)

    def add_application(self, application: Application) -> Row:
        """Register an OAuth application, and return its record."""
        self.access.applications[application.client_id] = application
        return self.put("oauth_entity", name=application.client_id, client_id=application.client_id)

    def set_client_secret(self, client_id: str, client_secret: str) -> None:
        """Give an OAuth application another secret; an empty one is never right."""
        applications = self.access.applications
        applications[client_id] = replace(applications[client_id], client_secret=client_secret)

    def take_over(self, other: "Instance") -> None:
        """Become another instance's state, and keep the address, faults and log."""
        with self.lock:
            self.accounts = other.accounts
            self.access = other.access
            self.contents = other.contents
            self.attachment_limit = other.attachment_limit
            self.batch_limit = other.batch_limit
            self._rows = other._rows  # noqa: SLF001 - another of our own kind
            self._numbers = other._numbers  # noqa: SLF001

    def now(self) -> str:
        """Return the moment in UTC as ServiceNow stores it; never earlier than the last one."""
        self._last_moment = max(self._last_moment, datetime.now(UTC))
        return self._last_moment.strftime("%Y-%m-%d %H:%M:%S")

    def seconds(self) -> float:
        """Return the instance's clock in seconds since 1970."""
        return max(self._last_moment, datetime.now(UTC)).timestamp()

    def skip(self, seconds: float) -> None:
        """Let the instance's clock run ahead."""
        self._last_moment = max(self._last_moment, datetime.now(UTC)) + timedelta(seconds=seconds)

    # ---- inside

    def _store(self, table: Table, row: Row, user: Account, moment: str) -> None:
        row |= {"sys_updated_on": moment, "sys_updated_by": user.user_name}
        self._rows[table.name][row["sys_id"]] = row

    def _note(self, table: Table, row: Row, notes: dict[str, str], user: Account) -> None:
        for element, text in notes.items():
            entry = self.put(
                "sys_journal_field",
                name=table.name,
                element=element,
                element_id=row["sys_id"],
                value=text,
            )
            entry["sys_created_by"] = user.user_name

    def _accepted(  # noqa: C901 - one case a kind of column
        self, table: Table, row: Row, values: dict[str, Any], *, display_input: bool
    ) -> tuple[Row, dict[str, str]]:
        """Return what the instance takes of the values sent, and the journal entries among them.

        Unknown columns and the system's own are dropped without a word; so is a choice that the
        column does not have (property glide.rest.choice.allow_non_existing_value).
        """
        written: Row = {}
        notes: dict[str, str] = {}
        for name, sent in values.items():
            column = table.columns.get(name)
            if column is None or name.startswith("sys_") or name == "comments_and_work_notes":
                continue
            text = _as_text(sent)
            if column.kind == "journal":
                if text:
                    notes[name] = text
            elif column.kind == "choice":
                choices = self.allowed_choices(table.name, name)
                if choices and display_input and text not in choices:
                    text = next((v for v, label in choices.items() if label == text), text)
                if text and (choices is None or text in choices):
                    written[name] = text
            elif column.kind == "reference":
                written[name] = self._reference(column, text, display_input=display_input)
            elif column.kind == "boolean":
                written[name] = "true" if text.lower() in {"true", "1", "yes"} else "false"
            elif column.kind == "integer":
                written[name] = text if re.fullmatch(r"-?\d+", text) else row[name]
            elif column.kind == "date":
                written[name] = text if _is_moment(text) else row[name]
            else:
                written[name] = text[: column.length]
        return written, notes

    def _reference(self, column: Column, text: str, *, display_input: bool) -> str:
        """Return the sys_id meant; text that means none is kept as it is, cut to 32 characters."""
        if display_input and not _SYS_ID.fullmatch(text):
            shown = tables()[column.reference].display
            named = [
                row["sys_id"] for row in self._rows[column.reference].values() if row[shown] == text
            ]
            if len(named) == 1:
                return named[0]
        return text[:32]

    def _column(self, table: Table, path: str) -> Column | None:
        name, _, rest = path.partition(".")
        column = table.columns.get(name)
        if column is None or not rest:
            return column
        return self._column(tables()[column.reference], rest) if column.reference else None

    def _evaluated(self, text: str, user: Account) -> str:
        """Run the server-side script of a query's values, as far as integrations use it."""
        return text.replace("javascript:gs.getUserID()", user.sys_id).replace(
            "javascript:gs.getUserName()", user.user_name
        )

    def _task(self, sys_id: str) -> Row | None:
        for name in ("incident", "change_request", "change_task", "problem"):
            if sys_id in self._rows[name]:
                return self._rows[name][sys_id]
        return None

    def _full_name(self, user_name: str) -> str:
        return next(
            (
                row["name"]
                for row in self._rows["sys_user"].values()
                if row["user_name"] == user_name
            ),
            user_name,
        )


def require(table: str) -> Table:
    """Return a table's definition.

    Raises:
        ApiError: 400, there is no such table.
    """
    if table not in tables():
        raise ApiError(400, f"Invalid table {table}", None)
    return tables()[table]


def _as_text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{name}={item}" for name, item in value.items()) + "}"
    return str(value)


def _is_moment(text: str) -> bool:
    if not text:
        return True
    try:
        datetime.strptime(text, "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC)
    except ValueError:
        return False
    return True
