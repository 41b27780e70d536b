"""GET /openapi.json: the API's OpenAPI document."""

from aws_lambda_powertools.event_handler import Response

from actionsync.http.api import entrypoint, http_api
from actionsync.http.pages import openapi

app = http_api()


@app.get("/openapi.json")
def show_openapi() -> Response[str]:
    """Answer 200 with the document."""
    return openapi()


lambda_handler = entrypoint(app)
