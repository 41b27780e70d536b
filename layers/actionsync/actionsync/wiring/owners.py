"""Who `team/<name>` is, for functions that no person calls."""

from functools import cache

from actionsync.events.service import RecentTeams
from actionsync.wiring import stores


@cache
def owner_of() -> RecentTeams:
    """Return what turns `team/<name>` into the owner that it names."""
    return RecentTeams(stores.team_store())
