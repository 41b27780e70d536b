# Generated from servicenow_tools/import_sets.py by `make sync`: change that one.
"""Import sets: rows that a transform of the instance turns into records."""

from collections.abc import Mapping
from typing import Any

from servicenow_tools.errors import ImportRefusedError, UnexpectedContentError
from servicenow_tools.records import Imported
from servicenow_tools.sync._http import Request
from servicenow_tools.sync._metadata import validate_table
from servicenow_tools.sync._responses import stored_text
from servicenow_tools.sync.tables import Instance, as_text

_PATH = "/api/now/import"
# The answer itself is a success; this is what it means.
_REFUSED = 422


class ImportSets:
    """The import sets of one instance (documentation: Import Set API)."""

    def __init__(self, instance: Instance) -> None:
        self._instance = instance

    def insert(self, staging: str, fields: Mapping[str, Any]) -> list[Imported]:
        """Stage a row, and return what the instance's transforms made of it.

        The row goes as it is: a transform decides what its columns mean. It is not sent again
        after a lost answer; give it a column on which the transform coalesces, so that the same
        row may be sent twice.

        Args:
            staging: the staging table.
            fields: columns of the staging table and values; None stands for one that is not set.

        Returns:
            One result for each transform: its status, and the record it made or changed.

        Raises:
            ImportRefusedError: a transform ended with an error, which the text names; with
                `maybe_applied`, another one has made or changed a record.
            ServiceNowError: with `maybe_applied`, the row may be imported.
        """
        values = {name: as_text(name, value) for name, value in fields.items() if value is not None}
        request = Request("POST", f"{_PATH}/{validate_table(staging)}", body=values)
        answer = self._instance.http.send(request)
        imported = [_imported(row) for row in answer.documents()]
        if not imported:
            text = "The instance has no transform for this staging table."
            raise UnexpectedContentError(answer.status, text, maybe_applied=True)
        done = any(one.status in {"inserted", "updated"} for one in imported)
        for one in imported:
            if one.status == "error":
                message = one.message or "The transform ended with an error"
                raise ImportRefusedError(_REFUSED, message, maybe_applied=done)
        return imported


def _imported(row: dict[str, Any]) -> Imported:
    message = row.get("error_message") or row.get("status_message")
    return Imported(
        status=stored_text(row.get("status")),
        table=stored_text(row.get("table")),
        sys_id=stored_text(row.get("sys_id")),
        number=stored_text(row.get("display_value")),
        message=stored_text(message),
    )
