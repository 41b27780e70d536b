"""GET /docs: the API reference, readable, each call ready to send."""

from aws_lambda_powertools.event_handler import Response

from actionsync.http.api import entrypoint, http_api
from actionsync.http.pages import page

app = http_api()


@app.get("/docs")
def show_docs() -> Response[str]:
    """Answer 200 with the page."""
    return page("docs")


lambda_handler = entrypoint(app)
