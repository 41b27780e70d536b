"""The documents' fenced blocks."""

import re
import textwrap
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from tests.template import ROOT

_BLOCK = re.compile(r"^( *)```([^\n]*)\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block.

    Attributes:
        document: the document, from the repository's root.
        line: where it begins.
        language: the word behind its fence; empty for none.
        text: its lines.
    """

    document: str
    line: int
    language: str
    text: str


@cache
def documents() -> tuple[Path, ...]:
    """Return every document of the repository that has words of ours for people."""
    patterns = ("*.md", ".github/*.md", "docs/**/*.md", "packaging/**/*.md", "integrations/**/*.md")
    return tuple(sorted({file for pattern in patterns for file in ROOT.glob(pattern)}))


@cache
def all_blocks(document: str) -> tuple[Block, ...]:
    """Return a document's blocks."""
    text = (ROOT / document).read_text()
    return tuple(
        Block(
            document,
            text.count("\n", 0, found.start()) + 1,
            found[2].partition(" ")[0],
            textwrap.dedent(found[3]),
        )
        for found in _BLOCK.finditer(text)
    )


def blocks(document: str, language: str) -> list[str]:
    """Return a document's blocks in a language."""
    return [block.text for block in all_blocks(document) if block.language == language]
