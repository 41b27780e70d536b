"""The pages that people open in a browser, and what they load: plain files of `actionsync/pages`.

They come without a token; what they show is asked from the API, with one.
"""

import hashlib
import html
import json
from functools import cache
from http import HTTPStatus
from pathlib import Path
from urllib.parse import urlsplit

from aws_lambda_powertools.event_handler import Response

from actionsync.http.problems import problem
from actionsync.settings import assistant_write_scope, jwt_issuer, sign_in, token_scopes

_FILES = Path(__file__).parent.parent / "pages"
_ASSETS = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
# OWASP's secure headers; nothing is loaded from elsewhere, framed, or run from within the page.
_HEADERS = {
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "Referrer-Policy": "no-referrer",
    "Strict-Transport-Security": "max-age=31536000; includeSubDomains",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


def home() -> Response[str]:
    """Answer 302 to the Settings page."""
    answer = _answer("", "text/html", {"Location": "/settings"})
    answer.status_code = HTTPStatus.FOUND.value
    return answer


def page(name: str) -> Response[str]:
    """Answer 200 with a page that knows where one signs in, or 404.

    Browsers ask for favicon.ico by themselves, for what names no icon.
    """
    if name == "favicon.ico":
        return asset("", "icon.svg")
    if name not in _pages():
        return problem(HTTPStatus.NOT_FOUND, "There is nothing at this path.")
    places = sign_in()
    text = _text(f"{name}.html")
    for key, value in {**places, "version": _version()}.items():
        text = text.replace(f"{{{{{key}}}}}", html.escape(value))
    token = urlsplit(places["token_url"])
    policy = (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
        f"connect-src 'self' {token.scheme}://{token.netloc}; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
    return _answer(text, "text/html", {"Content-Security-Policy": policy})


def asset(version: str, name: str) -> Response[str]:
    """Answer 200 with a style sheet, a script or an image, or 404.

    What is named by today's version never changes. A page from before a deployment names another,
    and gets today's file, which is not stored.
    """
    # Only a name that the folder itself lists is read: no path leads out of it.
    if name not in _names():
        return problem(HTTPStatus.NOT_FOUND, "There is nothing at this path.")
    headers = {"Content-Security-Policy": "default-src 'none'"}
    if version == _version():
        headers["Cache-Control"] = "public, max-age=31536000, immutable"
    return _answer(_text(name), _ASSETS[Path(name).suffix], headers)


def openapi() -> Response[str]:
    """Answer 200 with the API's OpenAPI document."""
    return _answer(_text("openapi.json"), "application/json", {})


def protected_resource(host: str) -> Response[str]:
    """Answer 200 with where a token for `POST /mcp` comes from (RFC 9728)."""
    scopes = {*token_scopes(), assistant_write_scope()} - {""}
    document = {
        "resource": f"https://{host}/mcp",
        "resource_name": "ActionSync for ServiceNow",
        "authorization_servers": [jwt_issuer()],
        "bearer_methods_supported": ["header"],
        **({"scopes_supported": sorted(scopes)} if scopes else {}),
    }
    anywhere = {"Access-Control-Allow-Origin": "*", "Cross-Origin-Resource-Policy": "cross-origin"}
    return _answer(json.dumps(document), "application/json", anywhere)


@cache
def _names() -> frozenset[str]:
    return frozenset(file.name for file in _FILES.iterdir() if file.suffix in _ASSETS)


@cache
def _pages() -> frozenset[str]:
    return frozenset(file.stem for file in _FILES.glob("*.html"))


@cache
def _version() -> str:
    """Return what names the assets as they are: a digest of all of them."""
    contents = b"".join((_FILES / name).read_bytes() for name in sorted(_names()))
    return hashlib.sha256(contents).hexdigest()[:12]


@cache
def _text(name: str) -> str:
    return (_FILES / name).read_text(encoding="utf-8")


def _answer(text: str, kind: str, headers: dict[str, str]) -> Response[str]:
    # Browsers ask for pages again each time, and get the new ones right after a deployment.
    return Response(
        status_code=HTTPStatus.OK.value,
        content_type=f"{kind}; charset=utf-8",
        body=text,
        headers={"Cache-Control": "no-cache", "Vary": "Accept-Encoding", **_HEADERS, **headers},
        compress=True,
    )
