"""GET /settings: the page where a person connects ServiceNow."""

from aws_lambda_powertools.event_handler import Response

from actionsync.http.api import entrypoint, http_api
from actionsync.http.pages import page

app = http_api()


@app.get("/settings")
def show_settings() -> Response[str]:
    """Answer 200 with the page."""
    return page("settings")


lambda_handler = entrypoint(app)
