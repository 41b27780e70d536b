"""GET /settings."""

from functions.operation import Operation

OPERATIONS = {
    "GET /settings": Operation(
        id="show_settings",
        tag="Pages",
        summary="The page where a person connects ServiceNow",
        needs_token=False,
        content_type="text/html",
    )
}
