"""What all HTTP functions share.

A function's `app.py` names its route, its arguments and one call; everything else is here. Bodies
are checked by pydantic directly: the resolver's own validation would cost every cold start more
than it is worth.
"""

import base64
import json
import re
from collections import Counter
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response
from aws_lambda_powertools.event_handler.depends import Depends
from aws_lambda_powertools.event_handler.exceptions import NotFoundError
from aws_lambda_powertools.event_handler.request import Request

from actionsync import gc_freeze
from actionsync.errors import (
    ActionSyncError,
    FieldError,
    InvalidInputError,
)
from actionsync.http import problems
from actionsync.http.callers import CALLER_PARAMETERS, QueryModel
from actionsync.http.problems import BadRequestError
from actionsync.telemetry import logger

if TYPE_CHECKING:
    from collections.abc import Callable

    from aws_lambda_powertools.utilities.typing import LambdaContext
    from pydantic import BaseModel

    Handler = Callable[[dict[str, Any], LambdaContext], dict[str, Any]]

Model = TypeVar("Model", bound="BaseModel")

_MAX_BODY_BYTES = 256 * 1024
# Lambda takes 6 MB of request, in which API Gateway writes a file in base64.
MAX_FILE_BYTES = 4 * 1024 * 1024
_MEDIA_TYPE = re.compile(r"[\w.+-]{1,100}/[\w.+-]{1,100}(;[ -~]{0,100})?", re.ASCII)
_MAX_IDEMPOTENCY_KEY = 255
# A problem names the fields that the request has: so much of a name, and so many of them.
_LONGEST_NAME, _MOST_ERRORS = 200, 50


def http_api() -> APIGatewayHttpResolver:
    """Return a resolver that answers every error as problem details."""
    app = APIGatewayHttpResolver()
    app.exception_handler(ActionSyncError)(problems.refusal)
    app.exception_handler(BadRequestError)(problems.bad_request)
    app.exception_handler(Exception)(_unexpected)
    app.not_found(_no_such_route)
    return app


def entrypoint(app: APIGatewayHttpResolver) -> "Handler":
    """Return the Lambda handler of an app."""

    @logger.inject_lambda_context
    def lambda_handler(event: dict[str, Any], context: "LambdaContext") -> dict[str, Any]:
        logger.append_keys(request_id=event["requestContext"]["requestId"])
        answer: dict[str, Any] = app.resolve(event, context)
        logger.info("answered", route=event.get("routeKey"), status=answer["statusCode"])
        gc_freeze.freeze()
        return answer

    return lambda_handler


def _unexpected(_: Exception) -> Response[str]:
    logger.exception("unexpected error")  # noqa: LOG004 - called while it is handled
    return problems.problem(
        HTTPStatus.INTERNAL_SERVER_ERROR,
        "Something went wrong here, not in the request. The function's log says more.",
    )


def _no_such_route(_: NotFoundError) -> Response[str]:
    return problems.problem(HTTPStatus.NOT_FOUND, "There is nothing at this path.")


# ---- answers


def ok(
    document: dict[str, Any], *, version: int | None = None, retry_after: int | None = None
) -> Response[str]:
    """Answer 200 with a document, its ETag, and when to poll it again, where it has them."""
    return _answer(HTTPStatus.OK, document, version, retry_after)


def created(
    document: dict[str, Any], *, version: int | None = None, retry_after: int | None = None
) -> Response[str]:
    """Answer 201 with what was created, its ETag, and when to poll it, where it has them."""
    return _answer(HTTPStatus.CREATED, document, version, retry_after)


def csv(text: str, name: str, following: str | None) -> Response[str]:
    """Answer 200 with a table as a file to save, and where the next part of it is.

    Args:
        text: the table.
        name: the file's name.
        following: the query string of the next part, or None where there is none.
    """
    headers: dict[str, str | list[str]] = {
        "Cache-Control": "no-store",
        "Content-Disposition": f'attachment; filename="{name}"',
        "X-Content-Type-Options": "nosniff",
    }
    if following is not None:
        headers["Link"] = f'<?{following}>; rel="next"'
    return Response(
        status_code=HTTPStatus.OK.value,
        content_type="text/csv; charset=utf-8; header=present",
        body=text,
        headers=headers,
    )


def accepted(document: dict[str, Any]) -> Response[str]:
    """Answer 202 with what will be done."""
    return _answer(HTTPStatus.ACCEPTED, document, None)


def no_content() -> Response[str]:
    """Answer 204."""
    return Response(
        status_code=HTTPStatus.NO_CONTENT.value, body="", headers={"Cache-Control": "no-store"}
    )


def _answer(
    status: HTTPStatus,
    document: dict[str, Any],
    version: int | None,
    retry_after: int | None = None,
) -> Response[str]:
    headers: dict[str, str | list[str]] = {
        "Cache-Control": "no-store",
        "X-Content-Type-Options": "nosniff",
    }
    if version is not None:
        headers["ETag"] = f'"{version}"'
    if retry_after is not None:
        headers["Retry-After"] = str(retry_after)
    return Response(
        status_code=status.value,
        content_type="application/json",
        body=json.dumps(document),
        headers=headers,
    )


# ---- arguments


def _idempotency_key(request: Request) -> str | None:
    key = _header(request, "idempotency-key")
    if key is not None and not (
        0 < len(key) <= _MAX_IDEMPOTENCY_KEY and key.isascii() and key.isprintable()
    ):
        raise InvalidInputError(
            FieldError("Idempotency-Key", "must be 1 to 255 printable ASCII characters")
        )
    return key


def _if_match(request: Request) -> int | None:
    tag = _header(request, "if-match")
    if tag is None or tag == "*":
        return None
    version = tag.removeprefix("W/").strip('"')
    if not (version.isascii() and version.isdigit()) or len(version) > 15:  # noqa: PLR2004
        raise InvalidInputError(FieldError("If-Match", "must be the ETag of an earlier answer"))
    return int(version)


def _raw_body(request: Request) -> bytes:
    event = request.resolved_event.raw_event
    body = event.get("body") or ""
    return base64.b64decode(body) if event.get("isBase64Encoded") else body.encode()


@dataclass(frozen=True, slots=True)
class File:
    """A file in a request's body.

    Attributes:
        content: its bytes.
        content_type: its media type, or None where the request names none.
    """

    content: bytes
    content_type: str | None


def _file(request: Request) -> File:
    content = _raw_body(request)
    if not content:
        raise BadRequestError(HTTPStatus.BAD_REQUEST, "The request has no body; send the file.")
    if len(content) > MAX_FILE_BYTES:
        raise BadRequestError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "The file is larger than 4 MiB.")
    content_type = (_header(request, "content-type") or "").strip() or None
    if content_type is not None and not _MEDIA_TYPE.fullmatch(content_type):
        raise InvalidInputError(FieldError("Content-Type", "must be a media type, as text/plain"))
    if content_type is not None and content_type.lower().startswith("multipart/"):
        raise BadRequestError(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "The body must be the file itself, not a form."
        )
    return File(content, content_type)


def disposition(request: Request) -> dict[str, str]:
    """Return the file's name in `Content-Disposition: attachment; filename="trace.txt"`."""
    from email.message import Message  # noqa: PLC0415 - functions without files never pay

    header = Message()
    header["Content-Disposition"] = _header(request, "content-disposition") or "attachment"
    name = header.get_filename()
    return {} if name is None else {"file_name": name}


def _host(request: Request) -> str:
    """Return the host that the request was sent to, as API Gateway says it."""
    return str(request.resolved_event.raw_event["requestContext"]["domainName"])


def _prefers_csv(request: Request) -> bool:
    accept = (_header(request, "accept") or "").lower()
    kinds = [kind.partition(";")[0].strip() for kind in accept.split(",")]
    return "text/csv" in kinds and "application/json" not in kinds[: kinds.index("text/csv")]


PrefersCsv = Annotated[bool, Depends(_prefers_csv)]
Host = Annotated[str, Depends(_host)]
IdempotencyKey = Annotated[str | None, Depends(_idempotency_key)]
ExpectedVersion = Annotated[int | None, Depends(_if_match)]
RawBody = Annotated[bytes, Depends(_raw_body)]
FileBody = Annotated[File, Depends(_file)]


def json_body(model: type[Model]) -> Depends:
    """Return the dependency that reads the request's JSON body as this model."""

    def body(request: Request) -> Model:
        text = _body(request)
        if text is None:
            raise BadRequestError(HTTPStatus.BAD_REQUEST, "The request has no body; send JSON.")
        return _validated(model, text)

    return Depends(body)


def optional_json_body(model: type[Model]) -> Depends:
    """Return the dependency that reads the JSON body as this model, or gives None without one."""

    def body(request: Request) -> Model | None:
        text = _body(request)
        return None if text is None else _validated(model, text)

    return Depends(body)


def query(
    model: type[Model], defaults: "Callable[[Request], dict[str, str]] | None" = None
) -> Depends:
    """Return the dependency that reads the query string as this model.

    Args:
        model: the model.
        defaults: returns, from other parts of a request, values that its query string leaves out.
    """

    def parameters(request: Request) -> Model:
        from pydantic import ValidationError  # noqa: PLC0415 - functions without input never pay

        try:
            elsewhere = defaults(request) if defaults else {}
            sent = (request.query_parameters or {}).items()
            return model.model_validate(
                {
                    **elsewhere,
                    **{name: value for name, value in sent if name not in CALLER_PARAMETERS},
                }
            )
        except ValidationError as error:
            raise _invalid(error) from None

    return QueryModel(parameters)


def _header(request: Request, name: str) -> str | None:
    value: str | None = request.resolved_event.headers.get(name)
    return value


def _body(request: Request) -> str | None:
    try:
        body = request.resolved_event.decoded_body
    except ValueError:
        raise BadRequestError(HTTPStatus.BAD_REQUEST, "The body is not UTF-8 text.") from None
    if not body or not body.strip():
        return None
    if len(body.encode()) > _MAX_BODY_BYTES:
        raise BadRequestError(
            HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "The body is larger than 256 KiB."
        )
    content_type = (_header(request, "content-type") or "").partition(";")[0].strip().lower()
    if content_type != "application/json":
        raise BadRequestError(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "The body must be sent as application/json."
        )
    return body


def _validated(model: type[Model], text: str) -> Model:
    from pydantic import ValidationError  # noqa: PLC0415 - functions without input never pay

    try:
        valid = model.model_validate_json(text)
    except ValidationError as error:
        raise _invalid(error) from None
    json.loads(text, object_pairs_hook=_once_each)
    return valid


def _once_each(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Refuse an object that names a field twice: parsers differ in which of the two they use."""
    found = dict(pairs)
    if len(found) < len(pairs):
        doubled = Counter(name for name, _ in pairs).most_common(1)[0][0]
        raise InvalidInputError(FieldError(doubled[:_LONGEST_NAME], "must be given only once"))
    return found


def _invalid(error: Any) -> Exception:
    """Name each wrong field and why, without its value: it may be a mistyped password."""
    details = error.errors(include_url=False, include_context=False, include_input=False)
    if any(detail["type"] == "json_invalid" for detail in details):
        return BadRequestError(HTTPStatus.BAD_REQUEST, "The body is not JSON.")
    return InvalidInputError(
        *(
            FieldError(
                _named(detail["loc"])[:_LONGEST_NAME] or "body",
                detail["msg"].removeprefix("Value error, "),
            )
            for detail in details[:_MOST_ERRORS]
        )
    )


def _named(place: tuple[int | str, ...]) -> str:
    return ".".join(str(part) for part in place if part != "[key]")
