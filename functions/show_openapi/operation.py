"""GET /openapi.json."""

from functions.operation import Operation

OPERATIONS = {
    "GET /openapi.json": Operation(
        id="show_openapi",
        tag="Pages",
        summary="The API's OpenAPI document",
        needs_token=False,
    )
}
