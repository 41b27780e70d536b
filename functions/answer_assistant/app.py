"""POST /mcp: the Model Context Protocol for the calling user's assistant."""

from aws_lambda_powertools.event_handler import Response

from actionsync.http.api import RawBody, entrypoint
from actionsync.http.assistants import ProtocolHeaders, exchange
from actionsync.http.callers import AnyCaller
from actionsync.http.servicenow import servicenow_api
from actionsync.runtime import run
from actionsync.wiring.assistants import server_for

app = servicenow_api()


@app.post("/mcp")
def answer(caller: AnyCaller, headers: ProtocolHeaders, body: RawBody) -> Response[str]:
    """Answer 200 with the answer to a message of the protocol, 202 to a notification."""
    return run(exchange(server_for(caller), headers, body))


lambda_handler = entrypoint(app)
