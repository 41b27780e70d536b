"""AWS's clients that write-backs need, by Region."""

from typing import Any, Protocol


class Clients(Protocol):
    """Who makes them."""

    def security_hub(self, region: str) -> Any:
        """Return Security Hub's client in a Region."""
        ...

    def systems_manager(self, region: str) -> Any:
        """Return Systems Manager's client in a Region."""
        ...
