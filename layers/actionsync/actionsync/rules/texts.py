"""The texts of tickets: Mustache templates, which can loop, call and read nothing.

A template sees the event's own texts and nothing else: no object with attributes, no file (partials
are off), no code. Each text is filled in once, so what an event says is never read as a template.
"""

import re
from functools import cache
from typing import TYPE_CHECKING
from urllib.parse import quote

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pystache import Renderer

# What a template may name. Every event has every text; some are empty.
NAMES = frozenset(
    {
        "title", "message", "service", "severity", "environment", "details", "link", "count",
        "occurred_at", "status", "source", "assignee", "previous", "version", "changelog", "owner",
        "account", "region", "commit", "labels",
    }
)  # fmt: skip

_CODE_TAG = re.compile(r"\[\s*(/?)\s*code\s*\]", re.IGNORECASE)
_OPENING = re.compile(r"\{\{\s*[#^]")
_CLOSING = re.compile(r"\{\{\s*/")


@cache
def _renderer(missing: str = "ignore", escape: "Callable[[str], str]" = str) -> "Renderer":
    from pystache import Renderer  # noqa: PLC0415 - events that are folded need no text

    return Renderer(escape=escape, partials={}, missing_tags=missing)


def fill_link(template: str, values: "Mapping[str, str]", labels: "Mapping[str, str]") -> str:
    """Return a template's address for an event's values, or nothing where it is none.

    `{{name}}` is percent-encoded, `{{{name}}}` stands as it is.
    """
    text: str = _renderer(escape=_quoted).render(template, {**values, "labels": labels})
    return text if text.startswith(("https://", "http://")) else ""


def _quoted(text: str) -> str:
    return quote(text, safe="")


def fill(
    template: str, values: "Mapping[str, str]", labels: "Mapping[str, str] | None" = None
) -> str:
    """Return a template's text for an event's values; what is missing is empty.

    ServiceNow renders what stands between [code] and [/code] as HTML: only a template may say so.
    """
    shown = {name: inert(value) for name, value in values.items()}
    named = {name: inert(value) for name, value in (labels or {}).items()}
    text: str = _renderer().render(template, {**shown, "labels": named})
    return text


def inert(text: str) -> str:
    """Return an event's text with code tags that ServiceNow does not take for its own."""
    return _CODE_TAG.sub(r"[\1 code]", text)


def checked(template: str, names: frozenset[str] = NAMES) -> str:
    """Return a template that can be filled in, or say why not.

    Args:
        template: the template.
        names: what it may name, beside labels.

    Raises:
        ValueError: it is not whole, or names what no event has.
    """
    from pystache.context import KeyNotFoundError  # noqa: PLC0415 - as above
    from pystache.parser import ParsingError  # noqa: PLC0415

    if len(_OPENING.findall(template)) != len(_CLOSING.findall(template)):
        raise ValueError("opens a section that it does not close")  # pystache lets that pass
    if "{{=" in template:
        raise ValueError("must not change the delimiters {{ and }}")
    try:
        # Twice, so that both a section and its inverse are looked into.
        for value in ("x", ""):
            filled = _renderer("strict").render(
                template, {**dict.fromkeys(names, value), "labels": _AnyLabel()}
            )
            if "{{" in filled or "}}" in filled:
                raise ValueError("has a tag that is not closed")  # noqa: TRY301
    except KeyNotFoundError as error:
        raise ValueError(
            f"names {error.key!r}, which no event has; there are {', '.join(sorted(names))}"
        ) from None
    except ParsingError:
        raise ValueError("is no whole Mustache template: check its tags and sections") from None
    except Exception as error:
        # Partials: pystache raises TemplateNotFoundError, which it does not export by name.
        if type(error).__name__ != "TemplateNotFoundError":
            raise
        raise ValueError("must not include other templates") from None
    return template


class _AnyLabel(dict[str, str]):
    """Labels of which each has a value: an event may carry any."""

    def __contains__(self, name: object) -> bool:
        return True

    def __getitem__(self, name: str) -> str:
        return "x"
