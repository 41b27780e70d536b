"""What the APIs share."""

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from starlette.requests import Request
from starlette.responses import Response

from ..errors import ApiError, Message, no_record

if TYPE_CHECKING:
    from ..instance import Instance
    from ..store import Row

Endpoint = Callable[[Request], Awaitable[Response]]
# Endpoints by path and method.
Routes = dict[str, dict[str, Endpoint]]


def number(request: Request, name: str, default: int) -> int:
    """Return a parameter that is a number from 0 on.

    Raises:
        ApiError: 400, it is not such a number.
    """
    text = request.query_params.get(name, "")
    if not text:
        return default
    if not text.isdecimal():
        raise ApiError(
            400,
            Message("Invalid {0}", (name,)),
            Message("{0} must be a whole number that is not negative", (name,)),
        )
    return int(text)


def readable(instance: "Instance", request: Request, table: str, sys_id: str) -> "Row":
    """Return a record that the user may read: its own table's roles count.

    Raises:
        ApiError: 400, there is no such table; 404, there is no such record for this user.
    """
    instance.schema.table(table)
    row = instance.find(table, sys_id)
    owner = instance.table_of(table, sys_id)
    if row is None or not instance.may_read(request.state.account, owner):
        raise no_record()
    return row


def version_path(request: Request, api: str) -> str:
    """Return an API's path in the version that was called: `/api/now/v1/table`."""
    parts = request.url.path.split("/")
    version = parts[3] if len(parts) > 3 and parts[3] in {"v1", "v2"} else ""  # noqa: PLR2004
    return "/".join(part for part in ("/api/now", version, api) if part)
