"""GET /settings, /docs, /openapi.json and /assets/{version}/{name}."""

from functions.operation import Operation, Refused, Request

OPERATIONS = {
    "GET /settings": Operation(
        id="show_settings",
        tag="Pages",
        summary="The page where a person connects ServiceNow",
        needs_token=False,
        content_type="text/html",
    ),
    "GET /docs": Operation(
        id="show_docs",
        tag="Pages",
        summary="The API reference, readable, each call ready to send",
        needs_token=False,
        content_type="text/html",
    ),
    "GET /sign-in": Operation(
        id="show_sign_in",
        tag="Pages",
        summary="Where ServiceNow sends a person back to who signed in for a connection",
        needs_token=False,
        content_type="text/html",
    ),
    "GET /openapi.json": Operation(
        id="show_openapi",
        tag="Pages",
        summary="The API's OpenAPI document",
        needs_token=False,
    ),
    "GET /assets/{version}/{name}": Operation(
        id="show_asset",
        tag="Pages",
        summary="A style sheet, script or image of the pages",
        request=Request(path={"version": "1", "name": "settings.js"}),
        refused={
            "invalid_name": Refused(
                Request(path={"version": "1", "name": "../settings.html"}), 404
            ),
        },
        needs_token=False,
        content_type="*/*",
    ),
    "GET /.well-known/oauth-protected-resource/mcp": Operation(
        id="show_protected_resource",
        tag="Pages",
        summary="Where assistants get a token for POST /mcp (RFC 9728)",
        needs_token=False,
    ),
}
