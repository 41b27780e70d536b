"""An instance: its records, its users, and the way a write takes through its rules."""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from . import rules
from .access import Access, Application, account_of_row
from .accounts import Account, reader_of, session_of
from .errors import ApiError
from .faults import Faults
from .profiles import Profile, load
from .rules import Write
from .store import Store
from .values import Accepted, accept

if TYPE_CHECKING:
    from .display import Reader
    from .schema import Table
    from .store import Row

_SYS_ID_LENGTH = 32
_MASK = "********"
_TAKEN = "Unique Key violation detected by database"


@dataclass(frozen=True, slots=True)
class LoggedRequest:
    """A request as the instance saw it, without its credentials; `is_part` of a batch or alone."""

    method: str
    path: str
    query: str
    user: str
    status: int
    is_part: bool = False


class Instance(Store):
    """All state of one simulated instance. Its methods may be called from any thread.

    Args:
        base_url: where it is served.
        profile: the habits of a release or company.

    Attributes:
        url_limit: characters of a path with its query; longer ones are answered 414, in HTML.
        body_limit: bytes of a request's JSON or XML body.
        attachment_limit: bytes of an attachment.
        batch_limit: parts of a batch that are served; None serves all.
    """

    url_limit = 16_000
    body_limit = 10 * 1024 * 1024
    attachment_limit = 1024 * 1024 * 1024
    batch_limit: int | None = None

    def __init__(self, base_url: str = "https://localhost", profile: Profile | None = None) -> None:
        self.profile = profile or load("default")
        super().__init__(self.profile.tables())
        self.base_url = base_url
        self.faults = Faults()
        self.requests: list[LoggedRequest] = []
        self.access = Access()
        self.workers: dict[str, dict[str, Any]] = {}

    # ---- users

    @property
    def accounts(self) -> dict[str, Account]:
        """All users by name."""
        return {
            row["user_name"]: account_of_row(self, self.access, row)
            for row in self.rows("sys_user")
        }

    def reader(self, account: Account | None) -> "Reader":
        """Return for whom an account's answers are made."""
        return reader_of(self, account)

    def add_user(
        self,
        user_name: str,
        password: str,
        *roles: str,
        name: str = "",
        active: bool = True,
        basic_auth: bool = True,
        **values: str,
    ) -> Account:
        """Add a user with roles; `basic_auth=False` is refused basic authentication."""
        first, _, last = (name or user_name).partition(" ")
        row = self.put(
            "sys_user",
            **{
                "user_name": user_name,
                "first_name": first,
                "last_name": last,
                "name": name or user_name,
                "email": f"{user_name}@example.com",
                "active": "true" if active else "false",
                "user_password": _MASK if password else "",
                **values,
            },
        )
        for role in roles:
            known = self.first("sys_user_role", name=role) or self.put("sys_user_role", name=role)
            self.put("sys_user_has_role", user=row["sys_id"], role=known["sys_id"])
        self.access.passwords[user_name] = password
        if not basic_auth:
            self.access.without_basic_auth.add(user_name)
        return account_of_row(self, self.access, row)

    def set_password(self, user_name: str, password: str) -> None:
        """Give a user another password; an empty one is never right."""
        self.access.passwords[user_name] = password

    def add_application(self, application: Application) -> "Row":
        """Register an OAuth application, and return its record."""
        self.access.applications[application.client_id] = application
        return self.put(
            "oauth_entity",
            name=application.client_id,
            client_id=application.client_id,
        )

    def set_client_secret(self, client_id: str, client_secret: str) -> None:
        """Give an OAuth application another secret; an empty one is never right."""
        applications = self.access.applications
        known = applications.get(client_id, Application(client_id, ""))
        applications[client_id] = replace(known, client_secret=client_secret)

    # ---- reading

    def search(self, table: str, query: str, account: Account) -> "list[Row]":
        """Return the records that an encoded query finds, in its order."""
        return self.select(table, query, session_of(self, account))

    def may_read(self, account: Account, table: str) -> bool:
        """Return whether a user may read a table's records."""
        return rules.may_read(self.schema, account, table)

    def visible(self, account: Account, table: str, rows: "list[Row]") -> "list[Row]":
        """Return those rows that a user may read: the roles of each row's own table count."""

        def owner(row: "Row") -> str:
            name = row.get("sys_class_name", "")
            return name if name in self.schema else table

        readable = {name: self.may_read(account, name) for name in map(owner, rows)}
        return [row for row in rows if readable[owner(row)]]

    # ---- writing

    def insert(
        self, table: str, sent: dict[str, Any], account: Account, *, display_input: bool = False
    ) -> "Row":
        """Make a record and return it.

        Raises:
            ApiError: a rule forbids it, or there is one with this sys_id.
        """
        definition = self.schema.table(table)
        with self.lock:
            rules.check_write(self.schema, account, table, "Insert")
            old = self.blank(definition, account.user_name)
            sys_id = str(sent.get("sys_id", ""))
            if len(sys_id) == _SYS_ID_LENGTH:
                if self.find(table, sys_id) is not None:
                    raise ApiError(403, "Operation Failed", _TAKEN)
                old["sys_id"] = sys_id
            if "opened_by" in old:
                old |= {"opened_by": account.sys_id, "opened_at": old["sys_created_on"]}
            accepted = self._accept(definition, sent, account, display_input=display_input)
            write = self._written(definition, old, accepted, account, is_insert=True)
            if definition.prefix and not (write.new["number"] and "number" in write.sent):
                write.new["number"] = self.next_number(definition)
            if "task_effective_number" in write.new:
                write.new["task_effective_number"] = write.new["number"]
            self._finish(write, accepted, display_input=display_input)
            return self.state.rows[table][write.new["sys_id"]]

    def update(
        self,
        table: str,
        row: "Row",
        sent: dict[str, Any],
        account: Account,
        *,
        display_input: bool = False,
    ) -> "Row":
        """Change a record and return it.

        Raises:
            ApiError: a rule forbids it; nothing is changed then.
        """
        with self.lock:
            table = self.table_of(table, row["sys_id"])
            definition = self.schema.table(table)
            rules.check_write(self.schema, account, table, "Update")
            accepted = self._accept(definition, sent, account, display_input=display_input)
            write = self._written(definition, row, accepted, account, is_insert=False)
            if write.new != row or accepted.notes or accepted.secrets:
                write.new |= {
                    "sys_mod_count": str(int(row["sys_mod_count"] or 0) + 1),
                    "sys_updated_on": write.now,
                    "sys_updated_by": account.user_name,
                }
                self._finish(write, accepted, display_input=display_input)
            return self.state.rows[table][row["sys_id"]]

    def remove(self, table: str, row: "Row", account: Account) -> None:
        """Delete a record as a user.

        Raises:
            ApiError: 403.
        """
        with self.lock:
            table = self.table_of(table, row["sys_id"])
            rules.check_write(self.schema, account, table, "Delete")
            self.delete(table, row["sys_id"])

    def _accept(
        self,
        table: "Table",
        sent: dict[str, Any],
        account: Account,
        *,
        display_input: bool,
    ) -> Accepted:
        reader = self.reader(account) if display_input else None
        return accept(self, table, sent, reader, is_admin=account.has("admin"))

    def _written(
        self,
        table: "Table",
        old: "Row",
        accepted: Accepted,
        account: Account,
        *,
        is_insert: bool,
    ) -> Write:
        """Return a write after all rules that complete or refuse it."""
        write = Write(
            self,
            table,
            old,
            old | accepted.values,
            frozenset(accepted.values),
            account,
            session_of(self, account),
            is_insert,
            self.now(),
        )
        if before := rules.BEFORE.get(table.name):
            before(write)
        rules.check_policies(write)
        rules.check_business_rules(write)
        return write

    def _finish(self, write: Write, accepted: Accepted, *, display_input: bool) -> None:
        table, row = write.table.name, write.new
        for column, secret in accepted.secrets.items():
            masked = write.table.columns[column].kind == "password"
            row[column] = _MASK if secret and masked else ""
            # Only a display value is hashed or encrypted; what is stored as it came fits nothing.
            self._set_secret(table, row, secret if display_input else "")
        self.save(table, row)
        for element, text in accepted.notes.items():
            self.add_note(table, row["sys_id"], element, text, write.account.user_name)
        if after := rules.AFTER.get(table):
            after(write)

    def _set_secret(self, table: str, row: "Row", secret: str) -> None:
        if table == "sys_user":
            self.set_password(row["user_name"], secret)
        elif table == "oauth_entity":
            self.set_client_secret(row["client_id"], secret)
