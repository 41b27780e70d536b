"""What an instance allows: asked once a day for each connection, and again when something changed.

A test of the connection, a new password and any 403 make it forgotten. No write decides by it.
"""

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from actionsync import clock
from actionsync.stores.connections import DEFAULT

if TYPE_CHECKING:
    from actionsync.connections.clients import ClientCache
    from actionsync.stores.capabilities import CapabilityStore


class CapabilitiesQuery(BaseModel):
    """Whether what was found earlier will do."""

    model_config = ConfigDict(extra="forbid")

    fresh: Annotated[
        bool, Field(description="Ask the instance, also if it was asked within the last day.")
    ] = False


async def find_capabilities(
    clients: "ClientCache",
    store: "CapabilityStore",
    owner: str,
    connection: str = DEFAULT,
    *,
    fresh: bool,
) -> dict[str, Any]:
    """Return `{instance, as_of, capabilities: [{name, status, values, means, remedy}]}`.

    Raises:
        ConnectionNotFoundError: the owner has none of this name.
        ConnectionIncompleteError: its secret is missing.
        ServiceNowError: the instance failed.
    """
    await clients.client(owner, connection)
    known = None if fresh else store.get(clients.target(owner, connection=connection))
    if known is not None:
        return known
    async with clients.client_for(owner, connection=connection) as client:
        found = await client.capabilities()
    document = {
        "instance": client.instance_url,
        "as_of": clock.iso(clock.now()),
        "capabilities": [asdict(capability) for capability in found],
    }
    store.put(clients.target(owner, connection=connection), document)
    return document
