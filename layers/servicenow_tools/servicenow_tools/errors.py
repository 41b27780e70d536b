"""What can go wrong between a caller and ServiceNow.

ServiceNowError
 ├── InvalidRequestError            refused here, before anything was sent
 │    ├── ReferenceNotFoundError    no group, user, ... has this name
 │    ├── AmbiguousReferenceError   several have it
 │    └── StateError                the record's state does not allow it
 ├── ConnectionFailedError          no connection: DNS, TCP, TLS or proxy
 ├── RequestTimeoutError            no answer in time
 ├── ConnectionLostError            the connection broke before the answer was whole
 │    └── MalformedResponseError    the answer is not HTTP
 └── ResponseError                  ServiceNow answered, but not with what was asked for
      ├── AuthenticationError       401
      │    └── TokenRefusedError    the instance gives no OAuth token
      ├── PermissionDeniedError     403, a role is missing or a rule forbids it
      │    ├── DataPolicyError      403, mandatory fields are missing
      │    └── BusinessRuleError    403, a business rule aborted the operation
      ├── NotFoundError             404
      ├── ValidationError           400 and other refusals of the request itself
      │    ├── PluginMissingError   the instance lacks the application
      │    ├── ImportRefusedError   the transform of an import set ended with an error
      │    ├── UriTooLongError      414
      │    └── ContentTooLargeError 413
      ├── ConflictError             409
      ├── RateLimitedError          429
      ├── UnavailableError          408, 502 to 504, 520 to 530; 202, the request was dropped
      ├── ServerError               500
      │    └── TransactionCancelledError
      └── UnexpectedContentError    not the API's JSON: a login page, a proxy
           ├── RedirectError        3xx: the instance has another address, or asks to sign in
           └── HibernatingError     a developer instance that sleeps

Every error has `maybe_applied`: whether a write may have reached the database all the same.
No error holds a password, a token or a body.
"""


class ServiceNowError(Exception):
    """The root of the tree."""

    maybe_applied = False


class InvalidRequestError(ServiceNowError, ValueError):
    """A request that was refused here.

    Attributes:
        reason: what is wrong.
        field: the argument or column that is wrong, where it is one.
    """

    def __init__(self, reason: str, field: str | None = None) -> None:
        """Take what is wrong, and with which field."""
        super().__init__(reason if field is None else f"{field}: {reason}")
        self.reason = reason
        self.field = field

    def __reduce__(self) -> tuple[object, ...]:
        return _restore, (type(self), self.args, self.__dict__)


class ReferenceNotFoundError(InvalidRequestError):
    """No record has the name that a reference field was given."""


class AmbiguousReferenceError(InvalidRequestError):
    """Several records have the name that a reference field was given."""


class StateError(InvalidRequestError):
    """The record is in a state that does not allow what was asked.

    Attributes:
        state: the code of that state, where it is known.
    """

    def __init__(self, reason: str, field: str | None = None, state: str | None = None) -> None:
        """Take what is wrong, with which field, and the state."""
        super().__init__(reason, field)
        self.state = state


class ConnectionFailedError(ServiceNowError):
    """No connection to the instance: nothing was sent."""


class _LostError(ServiceNowError):
    def __init__(self, text: str, *, maybe_applied: bool) -> None:
        super().__init__(text)
        self.maybe_applied = maybe_applied

    def __reduce__(self) -> tuple[object, ...]:
        return _restore, (type(self), self.args, self.__dict__)


class RequestTimeoutError(_LostError):
    """The instance did not answer in time."""


class ConnectionLostError(_LostError):
    """The connection broke before the answer was whole."""


class MalformedResponseError(ConnectionLostError):
    """The answer is not HTTP: another service listens there, or a gateway is broken."""


class ResponseError(ServiceNowError):
    """ServiceNow answered, but not with what was asked for.

    Attributes:
        status: the HTTP status.
        message: ServiceNow's own message, or None where the answer had none.
        detail: ServiceNow's own detail, or None.
        transaction_id: the X-Transaction-ID header, which ServiceNow's log knows, or None.
        maybe_applied: whether a write may have reached the database.
        retry_after: seconds to wait, where ServiceNow said so.
    """

    advice = ""

    def __init__(
        self,
        status: int,
        message: str | None = None,
        detail: str | None = None,
        *,
        transaction_id: str | None = None,
        maybe_applied: bool = False,
        retry_after: float | None = None,
    ) -> None:
        """Take what ServiceNow said."""
        said = ": ".join(part.strip() for part in (message, detail) if part and part.strip())
        said = said or f"HTTP status {status}"
        end = "" if said.endswith((".", "!", "?")) else "."
        super().__init__(f"{said}{end} {self.advice}".rstrip())
        self.status = status
        self.message = message
        self.detail = detail
        self.transaction_id = transaction_id
        self.maybe_applied = maybe_applied
        self.retry_after = retry_after

    def __reduce__(self) -> tuple[object, ...]:
        return _restore, (type(self), self.args, self.__dict__)


class AuthenticationError(ResponseError):
    """401: ServiceNow does not accept the credentials."""

    advice = (
        "Check the user name and the password, that the user is active and not locked out, and "
        "that the instance allows this kind of sign-in (new instances refuse basic "
        "authentication until an administrator allows it)."
    )


class TokenRefusedError(AuthenticationError):
    """The instance gives no OAuth token. The cause is in its own log alone."""

    advice = (
        "Check the client id and secret, the user, and that the instance allows this grant; the "
        "instance's system log has the cause."
    )


class PermissionDeniedError(ResponseError):
    """403: the user may not do this."""

    advice = (
        "Either the user lacks a role (itil, or sn_incident_write or sn_change_write, to write; "
        "sn_incident_read or sn_change_read to read; on new instances also "
        "snc_platform_rest_api_access to use the API at all), or a rule of the instance forbids it."
    )


class DataPolicyError(PermissionDeniedError):
    """403: a data policy demands fields. An unknown close code counts as a missing one."""

    advice = "Fill the fields named; a code that the instance does not have counts as missing."


class BusinessRuleError(PermissionDeniedError):
    """403: a business rule of the instance aborted the operation."""

    advice = "The instance's own rule forbids it; its administrator knows why."


class NotFoundError(ResponseError):
    """404: the record does not exist, or an access control hides it."""


class ValidationError(ResponseError):
    """400 and the like: ServiceNow does not accept the request."""


class UriTooLongError(ValidationError):
    """414: the URL is longer than the instance, or what is before it, accepts."""

    advice = "Ask for less at once: fewer values in a list, or fewer fields."


class ContentTooLargeError(ValidationError):
    """413: the request's body is larger than the instance, or what is before it, accepts."""

    advice = "Send less at once; an administrator can raise the instance's limit."


class PluginMissingError(ValidationError):
    """The instance lacks the application that the table belongs to."""

    advice = (
        "The application has to be installed first: Security Incident Response for security "
        "incidents, Event Management for events."
    )


class ImportRefusedError(ValidationError):
    """The transform of an import set made no record of a row; the text is the instance's."""


class ConflictError(ResponseError):
    """409: the record is not as the request expects."""


class RateLimitedError(ResponseError):
    """429: too many requests; `retry_after` has the seconds to wait, where ServiceNow said so."""

    advice = "The instance limits how many requests it takes; try again later."


class UnavailableError(ResponseError):
    """The instance did not work on the request: it is overloaded, restarted or upgraded."""

    advice = "The instance is overloaded or under maintenance; try again later."


class ServerError(ResponseError):
    """500: the instance failed."""

    advice = "The instance failed; its system log says more."


class TransactionCancelledError(ServerError):
    """The instance cancelled the transaction because it took too long."""

    advice = "Ask for less at once: a narrower query or a smaller limit."


class UnexpectedContentError(ResponseError):
    """The answer is not the API's JSON: a login page, a proxy's page, another server."""

    advice = (
        "The address answers, but not as ServiceNow's API: check the URL, and whether a single "
        "sign-on or a proxy stands before the instance."
    )


class RedirectError(UnexpectedContentError):
    """3xx: the answer leads to another address, which is not followed."""

    advice = (
        "Use the instance's own URL; if it leads to a sign-in page, the API is behind single "
        "sign-on, or the credentials are not accepted there."
    )


class HibernatingError(UnexpectedContentError):
    """A developer instance that sleeps."""

    advice = "The developer instance is hibernating: wake it at developer.servicenow.com."


def _restore(
    kind: type[ServiceNowError], args: tuple[object, ...], state: dict[str, object]
) -> ServiceNowError:
    """Make an error again from its pickled parts."""
    error = kind.__new__(kind)
    error.args = args
    error.__dict__.update(state)
    return error
