"""Security incidents (documentation: Security Incident Response process)."""

from typing import TYPE_CHECKING

from ..errors import aborted_by
from .task import close, count_reassignment

if TYPE_CHECKING:
    from .write import Write

DRAFT, ANALYSIS, CONTAIN, ERADICATE, RECOVER, REVIEW = "10", "16", "18", "19", "20", "100"
CLOSED, CANCELED = "3", "7"


def before(write: "Write") -> None:
    """Complete or refuse a security incident.

    Raises:
        ApiError: 403, it is over and would be opened again as something else than an analysis.
    """
    old, new = write.old["state"], write.new["state"]
    if not write.is_insert and old in {CLOSED, CANCELED} and new not in {old, ANALYSIS}:
        raise aborted_by("sn_si_incident", "Security Incident State: Check State Transition")
    count_reassignment(write)
    close(write, (CLOSED, CANCELED))
