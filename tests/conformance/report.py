"""The result of a run: a page for people and a JSON document for tools."""

import json
from typing import TYPE_CHECKING

from tests.conformance.facts import by_area

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conformance.facts import Check, Finding

_SIGNS = {True: "same", False: "**different**", None: ""}


def write(folder: "Path", checks: "list[Check]", other: str, release: str) -> None:
    """Write `conformance.md` and `conformance.json` into a folder.

    Args:
        folder: where; made if it is missing.
        checks: the checks, each with its findings.
        other: the instance beside the simulator.
        release: what the instance says of its release.
    """
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "conformance.md").write_text(page(checks, other, release), encoding="utf-8")
    document = {
        "instance": other,
        "release": release,
        "checks": [
            {
                "check": check.key,
                "fact": check.text,
                "source": check.source,
                "probe": check.is_probe,
                "same": check.is_same("simulator", other),
                **{name: vars(finding) for name, finding in check.findings.items()},
            }
            for check in checks
        ],
    }
    text = json.dumps(document, indent=1, ensure_ascii=False) + "\n"
    (folder / "conformance.json").write_text(text, encoding="utf-8")


def page(checks: "list[Check]", other: str, release: str) -> str:
    """Return the page in Markdown."""
    different = sum(check.is_same("simulator", other) is False for check in checks)
    lines = [
        f"# The simulator beside {other}",
        "",
        f"Release: {release}. {len(checks)} checks, of which {different} differ.",
    ]
    for area, its_checks in by_area(checks).items():
        lines += [
            "",
            f"## {area.capitalize()}",
            "",
            f"| fact | source | simulator | {other} | |",
            "|---|---|---|---|---|",
        ]
        for check in its_checks:
            cells = [
                check.text,
                check.source,
                _text(check.findings.get("simulator")),
                _text(check.findings.get(other)),
                _SIGNS[check.is_same("simulator", other)],
            ]
            lines.append("| " + " | ".join(map(_cell, cells)) + " |")
    return "\n".join(lines) + "\n"


def _text(finding: "Finding | None") -> str:
    if finding is None:
        return "not asked"
    return f"{finding.outcome}: {finding.detail}" if finding.detail else finding.outcome


def _cell(text: str) -> str:
    return " ".join(text.replace("|", "\\|").split())[:300]
