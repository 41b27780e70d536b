"""GET /assets/{name}."""

from functions.operation import Operation, Refused, Request

OPERATIONS = {
    "GET /assets/{name}": Operation(
        id="show_asset",
        tag="Pages",
        summary="A style sheet, script or image of the pages",
        request=Request(path={"name": "settings.js"}),
        refused={
            "invalid_name": Refused(Request(path={"name": "../settings.html"}), 404),
        },
        needs_token=False,
        content_type="*/*",
    )
}
