"""The pages that people open, what they load, and what machines read of the API."""

from aws_lambda_powertools.event_handler import Response

from actionsync.http import pages
from actionsync.http.api import Host, entrypoint, http_api

app = http_api()


@app.get("/")
def show_home() -> Response[str]:
    """Answer 302 to the Settings page."""
    return pages.home()


@app.get("/<page>")
def show_page(page: str) -> Response[str]:
    """Answer 200 with the page, or 404."""
    return pages.page(page)


@app.get("/openapi.json")
def show_openapi() -> Response[str]:
    """Answer 200 with the document."""
    return pages.openapi()


@app.get("/assets/<version>/<name>")
def show_asset(version: str, name: str) -> Response[str]:
    """Answer 200 with the file, or 404."""
    return pages.asset(version, name)


@app.get("/.well-known/oauth-protected-resource/mcp")
def show_protected_resource(host: Host) -> Response[str]:
    """Answer 200 with the address and scopes that assistants sign in for, and the issuer."""
    return pages.protected_resource(host)


lambda_handler = entrypoint(app)
