"""Remove a ServiceNow connection and its secret: the calling user's default one, or by name."""

from aws_lambda_powertools.event_handler import Response

from actionsync.http.api import entrypoint, http_api, no_content
from actionsync.wiring import connections
from actionsync.wiring.callers import Editor, Oneself

app = http_api()


@app.delete("/api/servicenow/config")
def delete_config(caller: Oneself) -> Response[str]:
    """Answer 204, or 404 where there is none."""
    connections.delete(caller)
    return no_content()


@app.delete("/api/servicenow/connections/<name>")
def delete_named(name: str, caller: Editor) -> Response[str]:
    """Answer 204, or 404; events that need it wait for another one of that name."""
    connections.delete(caller, name)
    return no_content()


lambda_handler = entrypoint(app)
