"""GET /docs."""

from functions.operation import Operation

OPERATIONS = {
    "GET /docs": Operation(
        id="show_docs",
        tag="Pages",
        summary="The API reference, readable, each call ready to send",
        needs_token=False,
        content_type="text/html",
    )
}
