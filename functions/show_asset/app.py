"""GET /assets/{name}: a style sheet, script or image of the pages."""

from aws_lambda_powertools.event_handler import Response

from actionsync.http.api import entrypoint, http_api
from actionsync.http.pages import asset

app = http_api()


@app.get("/assets/<name>")
def show_asset(name: str) -> Response[str]:
    """Answer 200 with the file, or 404."""
    return asset(name)


lambda_handler = entrypoint(app)
