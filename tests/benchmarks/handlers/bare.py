"""The runtime itself: a handler that answers."""

from typing import Any


def lambda_handler(event: Any, context: Any) -> dict[str, Any]:
    """Answer 200."""
    return {"statusCode": 200, "body": "{}"}
