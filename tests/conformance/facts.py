"""What a check of the suite says of itself, and what became of it on each instance."""

from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable


def fact(source: str) -> "Callable[[Callable[..., Any]], Callable[..., Any]]":
    """Name the source of a fact that the product relies on; its text is the docstring.

    Args:
        source: a page of ServiceNow's documentation, a suite whose authors run it against real
            instances, a recording, or a public report.
    """
    return _marked(source, probe=False)


def probe(source: str) -> "Callable[[Callable[..., Any]], Callable[..., Any]]":
    """Mark a check of what nobody is sure of: it reports what it finds, and never fails."""
    return _marked(source, probe=True)


def _marked(source: str, *, probe: bool) -> "Callable[[Callable[..., Any]], Callable[..., Any]]":
    def decorate(check: "Callable[..., Any]") -> "Callable[..., Any]":
        marked: Callable[..., Any] = pytest.mark.fact(source=source, probe=probe)(check)
        return marked

    return decorate


@dataclass
class Finding:
    """What one instance answered to one check.

    Attributes:
        outcome: holds, differs, "found" for a probe, or "left out".
        detail: what differed or was found, or why it was left out.
    """

    outcome: str
    detail: str = ""


@dataclass
class Check:
    """One check and its findings by instance."""

    key: str
    area: str
    text: str
    source: str
    is_probe: bool
    findings: dict[str, Finding] = field(default_factory=dict)

    def is_same(self, one: str, other: str) -> bool | None:
        """Return whether two instances gave the same; None where one was not asked."""
        first, second = self.findings.get(one), self.findings.get(other)
        if first is None or second is None or "left out" in {first.outcome, second.outcome}:
            return None
        if self.is_probe:
            return first.detail == second.detail
        return first.outcome == second.outcome


class Found:
    """What a probe finds: called with it."""

    def __init__(self) -> None:
        self.text = ""

    def __call__(self, what: object) -> None:
        """Remember it."""
        self.text = str(what)


def check_of(item: pytest.Item) -> tuple[Check, str] | None:
    """Return an item's check, without findings, and its instance; None for other tests."""
    mark = item.get_closest_marker("fact")
    parameters = getattr(item, "callspec", None)
    if mark is None or parameters is None:
        return None
    arguments = dict(parameters.params)
    name = str(arguments.pop("instance_name", ""))
    function = item.function  # type: ignore[attr-defined]
    text = " ".join((function.__doc__ or "").split()).rstrip(".")
    for argument, value in arguments.items():
        text = text.replace("{" + argument + "}", str(value))
    area = item.path.stem.removeprefix("test_").replace("_", " ")
    rows = "-".join(part for part in parameters.id.split("-") if part != name)
    key = f"{area}/{function.__name__.removeprefix('test_')}" + (f"[{rows}]" if rows else "")
    return Check(key, area, text, mark.kwargs["source"], mark.kwargs["probe"]), name


def by_area(checks: list[Check]) -> dict[str, list[Check]]:
    """Return checks by their area, in their order."""
    areas: dict[str, list[Check]] = defaultdict(list)
    for check in checks:
        areas[check.area].append(check)
    return areas
