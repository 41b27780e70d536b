"""The tables of a new instance with demo data (documentation: Table API; Table schema).

A file an area. Only the tables that integrations read or write, each with the columns that
recordings of real instances show.
"""

from typing import TYPE_CHECKING

from ..schema import Schema
from . import catalog, cmdb, events, imports, people, platform, task, tickets

if TYPE_CHECKING:
    from ..schema import Choices

# Areas whose tables others extend come first.
_TABLES = (platform, people, task, cmdb, tickets, catalog, events, imports)
_CHOICES = (people, task, cmdb, tickets, catalog, events)


def schema() -> Schema:
    """Return all tables."""
    return Schema(table for area in _TABLES for table in area.TABLES)


def choices() -> "list[Choices]":
    """Return the choices of all tables' columns."""
    return [choice for area in _CHOICES for choice in area.CHOICES]
