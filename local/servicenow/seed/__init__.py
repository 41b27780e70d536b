"""The demo data: people, groups, choices, configuration items and tickets, with fixed sys_ids."""

from typing import TYPE_CHECKING

from . import catalog, cmdb, people, platform, tickets
from .ids import sys_id
from .people import APPLICATION, GROUPS, INTEGRATION_USER, LANGUAGES, PEOPLE, USERS

if TYPE_CHECKING:
    from ..access import Access
    from ..instance import Instance
    from ..store import State

__all__ = [
    "APPLICATION",
    "GROUPS",
    "INTEGRATION_USER",
    "LANGUAGES",
    "PEOPLE",
    "USERS",
    "fill",
    "sys_id",
]

_FILLED: "dict[tuple[str, bool], tuple[State, Access]]" = {}


def fill(instance: "Instance", *, rich: bool = False) -> None:
    """Put the demo data into an empty instance.

    Args:
        instance: the instance.
        rich: as many records as a developer instance has, instead of a few.
    """
    key = (instance.profile.model_dump_json(), rich)
    if key not in _FILLED:
        for area in (platform, people, cmdb, tickets, catalog):
            area.fill(instance)
        if rich:
            tickets.fill_more(instance)
        _FILLED[key] = (instance.state.copy(), instance.access.copy())
    state, access = _FILLED[key]
    instance.restore(state)
    instance.access = access.copy()
