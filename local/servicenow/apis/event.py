"""Events in bulk, as monitoring sends them (documentation: Event Management, em/jsonv2)."""

from typing import TYPE_CHECKING

from .. import wire
from ..errors import ApiError
from .routing import Routes

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from ..instance import Instance


def routes(instance: "Instance") -> Routes:
    """Return the API's endpoints below `/api/global/em`."""

    async def insert(request: "Request") -> "Response":
        sent = await wire.read(request, instance.body_limit)
        records = sent.get("records") if isinstance(sent, dict) else None
        if not isinstance(records, list) or not all(isinstance(one, dict) for one in records):
            raise ApiError(400, "Exception while reading request", "records is missing")
        for record in records:
            instance.insert("em_event", record, request.state.account)
        text = f"{len(records)} events were inserted"
        return wire.respond(request, {"result": {"Default Bulk Endpoint": text}})

    return {"/jsonv2": {"POST": insert}}
