# Generated from servicenow_tools/cmdb.py by `make sync`: change that one.
"""Configuration items (documentation: Configuration Management Database)."""

from servicenow_tools.errors import AmbiguousReferenceError, InvalidRequestError
from servicenow_tools.query import Query, field
from servicenow_tools.records import Record
from servicenow_tools.sync.tables import Instance, Resource

_BASE = "cmdb_ci"


class Cmdb:
    """The configuration items of one instance."""

    def __init__(self, instance: Instance) -> None:
        self._instance = instance

    def find(
        self,
        name: str | None = None,
        *,
        class_name: str = _BASE,
        correlation_id: str | None = None,
        serial_number: str | None = None,
        limit: int = 100,
    ) -> list[Record]:
        """Return the configuration items that meet all conditions, by name.

        Args:
            name: the item's name.
            class_name: the table of its class, as cmdb_ci_server; those of classes below it are
                found, too.
            correlation_id: its key in the system that it comes from.
            serial_number: its serial number.
            limit: how many at most.

        Raises:
            InvalidRequestError: there is no condition, or the instance has no such class.
        """
        given = {"name": name, "correlation_id": correlation_id, "serial_number": serial_number}
        query = Query()
        for column, value in given.items():
            if value is not None:
                query &= field(column).eq(value)
        if not query.fields:
            raise InvalidRequestError("name, correlation_id or serial_number is needed", "name")
        items = Resource(self._instance, class_name)
        return items.search(query.order_by("name"), limit=limit)

    def find_one(
        self,
        name: str | None = None,
        *,
        class_name: str = _BASE,
        correlation_id: str | None = None,
        serial_number: str | None = None,
    ) -> Record | None:
        """Return the only configuration item that meets all conditions, or None.

        Raises:
            AmbiguousReferenceError: several meet them.
        """
        found = self.find(
            name,
            class_name=class_name,
            correlation_id=correlation_id,
            serial_number=serial_number,
            limit=2,
        )
        if len(found) > 1:
            raise AmbiguousReferenceError(f"several items of {class_name} are alike", "name")
        return found[0] if found else None
