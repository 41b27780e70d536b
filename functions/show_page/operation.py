"""GET /, /settings, /docs, /sign-in, /openapi.json and /assets/{version}/{name}."""

from functions.operation import Operation, Refused, Request

OPERATIONS = {
    "GET /": Operation(
        id="show_home",
        tag="Pages",
        summary="The way to the Settings page",
        status=302,
        needs_token=False,
        content_type="text/html",
    ),
    "GET /{page}": Operation(
        id="show_page",
        tag="Pages",
        summary="A page for people: settings, docs, or sign-in, where ServiceNow sends a person back to",
        request=Request(path={"page": "settings"}),
        refused={"invalid_page": Refused(Request(path={"page": "setings"}), 404)},
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
