"""How the instance refuses."""


class ApiError(Exception):
    """A refusal with ServiceNow's status, message and detail."""

    def __init__(self, status: int, message: str, detail: str | None) -> None:
        """Take what the error body says."""
        super().__init__(f"{status} {message}: {detail}")
        self.status = status
        self.message = message
        self.detail = detail

    @property
    def body(self) -> dict[str, object]:
        """The error body of every REST API (documentation: REST API HTTP response codes)."""
        return {
            "error": {"message": self.message, "detail": self.detail},
            "status": "failure",
        }


def aborted_by(table: str, rule: str) -> ApiError:
    """Return the abort of a business rule; the rule's own message stays in the log."""
    return ApiError(
        403,
        "Operation Failed",
        f"Operation against file '{table}' was aborted by Business Rule "
        f"'{rule}^a1b2c3d4e5f60718293a4b5c6d7e8f90'. Business Rule Stack:{rule}",
    )


def acl(operation: str) -> ApiError:
    """Return the refusal of an access control: operation is Insert, Update or Delete."""
    return ApiError(
        403,
        "Operation Failed",
        f"ACL Exception {operation} Failed due to security constraints",
    )


def data_policy(*labels: str) -> ApiError:
    """Return the data policy's refusal, which names labels, not columns."""
    return ApiError(
        403,
        "Operation Failed",
        "Data Policy Exception: \n\tThe following fields are mandatory: " + ", ".join(labels),
    )
