"""How the instance refuses."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True, slots=True)
class Message:
    """A text with `{0}`, `{1}` ... in it, which is translated before they are filled in.

    Attributes:
        text: the English text.
        values: what fills it in.
        labels: labels that fill it in as a list, each translated.
    """

    text: str
    values: tuple[object, ...] = ()
    labels: tuple[str, ...] = field(default=())

    def render(self, translate: "Callable[[str], str]") -> str:
        """Return the message in a language."""
        listed = (", ".join(translate(label) for label in self.labels),) if self.labels else ()
        return translate(self.text).format(*self.values, *listed)


class ApiError(Exception):
    """A refusal with ServiceNow's status, message and detail."""

    def __init__(self, status: int, message: str | Message, detail: str | Message | None) -> None:
        super().__init__(f"{status} {_english(message)}: {_english(detail)}")
        self.status = status
        self.message = message
        self.detail = detail

    def text(self, translate: "Callable[[str], str]" = str) -> str:
        """Return the detail, or the message where there is none."""
        return _rendered(self.detail, translate) or _rendered(self.message, translate) or ""

    def body(self, translate: "Callable[[str], str]" = str) -> dict[str, object]:
        """Return the error body of every REST API (documentation: REST API HTTP response codes)."""
        return {
            "error": {
                "message": _rendered(self.message, translate),
                "detail": _rendered(self.detail, translate),
            },
            "status": "failure",
        }


def invalid_table(name: str) -> ApiError:
    """Return the refusal of a table that the instance does not have."""
    return ApiError(400, Message("Invalid table {0}", (name,)), None)


def no_resource() -> ApiError:
    """Return the refusal of an unknown path, which is a bad request and not 404."""
    return ApiError(400, "Requested URI does not represent any resource", None)


def no_record() -> ApiError:
    """Return the refusal of a record that is not there or that the user may not read."""
    return ApiError(
        404, "No Record found", "Record doesn't exist or ACL restricts the record retrieval"
    )


def aborted_by(table: str, rule: str, sys_id: str = "a1b2c3d4e5f60718293a4b5c6d7e8f90") -> ApiError:
    """Return the abort of a business rule; the rule's own message stays in the log."""
    return ApiError(
        403,
        "Operation Failed",
        Message(
            "Operation against file '{0}' was aborted by Business Rule '{1}^{2}'. "
            "Business Rule Stack:{1}",
            (table, rule, sys_id),
        ),
    )


def acl(operation: str) -> ApiError:
    """Return the refusal of an access control: operation is Insert, Update or Delete."""
    return ApiError(
        403,
        "Operation Failed",
        Message("ACL Exception {0} Failed due to security constraints", (operation,)),
    )


def data_policy(labels: list[str]) -> ApiError:
    """Return the data policy's refusal, which names labels, not columns."""
    return ApiError(
        403,
        "Operation Failed",
        Message(
            "Data Policy Exception: \n\tThe following fields are mandatory: {0}",
            labels=tuple(labels),
        ),
    )


def not_simulated(what: str) -> ApiError:
    """Return the refusal of what real instances do and this one does not.

    It is 501, which ServiceNow never answers, so that nobody takes it for ServiceNow's.
    """
    return ApiError(501, "Not simulated", f"The simulator does not imitate {what}")


def _english(message: str | Message | None) -> str:
    return _rendered(message, str) or ""


def _rendered(message: str | Message | None, translate: "Callable[[str], str]") -> str | None:
    if isinstance(message, Message):
        return message.render(translate)
    return None if message is None else translate(message)
