"""Patterns of names: `*` and `?` alone are special, and case does not count."""

from fnmatch import fnmatchcase


def fits(text: str, pattern: str) -> bool:
    """Return whether a text fits a pattern; its time grows with their lengths, never faster."""
    return fnmatchcase(text.casefold(), pattern.casefold().replace("[", "[[]"))
