"""Who may read, write and delete (documentation: Access control list rules; Base system roles)."""

from typing import TYPE_CHECKING

from ..errors import acl

if TYPE_CHECKING:
    from ..accounts import Account
    from ..schema import Schema


def may_read(schema: "Schema", account: "Account", table: str) -> bool:
    """Return whether a user may read a table's records.

    The nearest table counts that says who may.
    """
    for name in schema.lineage(table):
        if readers := schema.table(name).readers:
            return account.has(*readers)
    return True


def check_write(schema: "Schema", account: "Account", table: str, operation: str) -> None:
    """Refuse a user who may not write a table; operation is Insert, Update or Delete.

    Raises:
        ApiError: 403.
    """
    definition = schema.table(table)
    roles = definition.deleters if operation == "Delete" else definition.writers
    if not account.has("admin", *roles):
        raise acl(operation)
