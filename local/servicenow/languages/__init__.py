"""What users in other languages see: messages, labels and choices.

A file a language, `<code>.toml`, with one table of texts: English on the left.
"""

import tomllib
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


@cache
def texts(language: str) -> "Mapping[str, str]":
    """Return a language's texts by the English ones; none for English and unknown languages."""
    file = resources.files(__package__) / f"{language}.toml"
    if not language.isalpha() or not file.is_file():
        return {}
    return tomllib.loads(file.read_text("utf-8"))["texts"]  # type: ignore[no-any-return]


def translator(language: str) -> "Callable[[str], str]":
    """Return what translates English into a language, and leaves what it does not know."""
    known = texts(language)
    return lambda text: known.get(text, text)
