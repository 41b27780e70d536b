"""A write on its way into the store, as rules see it."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..accounts import Account
    from ..schema import Table
    from ..scripts import Session
    from ..store import Row, Store


@dataclass(slots=True)
class Write:
    """A write.

    Attributes:
        store: the records.
        table: the table written to.
        old: the record as it was; for a new one, with the columns' defaults.
        new: the record as it will be, which rules complete.
        sent: the names of the columns that the request sets.
        account: who writes.
        session: the same, for the scripts of conditions.
        is_insert: whether the record is new.
        now: the moment.
    """

    store: "Store"
    table: "Table"
    old: "Row"
    new: "Row"
    sent: frozenset[str]
    account: "Account"
    session: "Session"
    is_insert: bool
    now: str

    def changed(self, name: str) -> bool:
        """Return whether a column gets another value; for a new record, whether it is sent."""
        return name in self.sent if self.is_insert else self.new[name] != self.old[name]

    def enters(self, name: str, *values: str) -> bool:
        """Return whether a column comes to have one of these values."""
        return self.new[name] in values and (self.is_insert or self.old[name] not in values)

    def stamp(self, who: str, when: str) -> None:
        """Note who did it, and when."""
        self.new |= {who: self.account.sys_id, when: self.now}
