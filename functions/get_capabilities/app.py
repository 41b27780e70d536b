"""GET /api/servicenow/capabilities: what the instance allows the user's connection."""

from typing import Annotated

from aws_lambda_powertools.event_handler import Response

from actionsync.connections.capabilities import CapabilitiesQuery, find_capabilities
from actionsync.http.api import entrypoint, ok, query
from actionsync.http.servicenow import servicenow_api
from actionsync.runtime import run
from actionsync.wiring.callers import ConnectionMember
from actionsync.wiring.servicenow import client_cache
from actionsync.wiring.stores import capability_store

app = servicenow_api()


@app.get("/api/servicenow/capabilities")
def get_capabilities(
    caller: ConnectionMember, asked: Annotated[CapabilitiesQuery, query(CapabilitiesQuery)]
) -> Response[str]:
    """Answer 200 with what the instance allows, and what follows."""
    return ok(
        run(
            find_capabilities(
                client_cache(),
                capability_store(),
                caller.owner,
                caller.connection,
                fresh=asked.fresh,
            )
        )
    )


lambda_handler = entrypoint(app)
