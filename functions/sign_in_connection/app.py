"""Complete a sign-in that a connection uses from then on: a person's, or a pending secret's."""

from typing import Annotated

from aws_lambda_powertools.event_handler import Response

from actionsync.connections.sign_in import FinishedSignIn
from actionsync.http.api import Host, entrypoint, json_body, ok
from actionsync.http.callers import OwnerCaller
from actionsync.http.servicenow import servicenow_api
from actionsync.wiring import sign_ins
from actionsync.wiring.callers import Editor

app = servicenow_api()


@app.get("/api/servicenow/connections/<name>/sign-in")
def begin(name: str, caller: Editor, asked: OwnerCaller, host: Host) -> Response[str]:
    """Answer 200 with the page of the instance where a person signs in within ten minutes."""
    return ok(sign_ins.begin(caller, name, host, asked.team))


@app.post("/api/servicenow/connections/<name>/sign-in")
def finish(
    name: str, caller: Editor, finished: Annotated[FinishedSignIn, json_body(FinishedSignIn)]
) -> Response[str]:
    """Answer 200 with the connection and who has signed in, or 409 for a sign-in not begun here."""
    connection = sign_ins.finish(caller, name, finished)
    return ok(connection.document(), version=connection.version)


@app.post("/api/servicenow/connections/<name>/promote")
def promote(name: str, caller: Editor) -> Response[str]:
    """Answer 200 with the connection, which goes by what was pending, or 409 if that is refused."""
    connection = sign_ins.promote(caller, name)
    return ok(connection.document(), version=connection.version)


lambda_handler = entrypoint(app)
