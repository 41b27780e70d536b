"""Writes what docs/ says of things that stand elsewhere: parameters, HTTP calls, decisions.

`--check` compares instead of writing.
"""

import json
import re
import sys
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from samtranslator.yaml_helper import yaml_parse

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PARAMETERS = """\
# Parameters and outputs

What a stack can be given, and what it says of itself. A stack's parameters stand in its file under
`deploy/`, which each deployment reads: [Operations](operations.md). This page is written from
`template.yaml` by `make reference`.

| parameter | default | |
|---|---|---|
"""
OUTPUTS = """
| output | |
|---|---|
"""
BEGIN, END = "<!-- calls -->\n", "<!-- end of calls -->"
CALLS = """\
| call | answers | |
|---|---|---|
"""
DECISIONS = """\
# Decisions

What was decided, why, and what was rejected: a page each. This list is written by `make reference`.

"""


def parameters(template: dict[str, Any]) -> str:
    """Return the page of a template's parameters and outputs."""
    rows = (
        (name, _default(parameter["Default"]), parameter.get("Description", ""))
        for name, parameter in template["Parameters"].items()
    )
    outputs = (
        (name, output.get("Description", "")) for name, output in template["Outputs"].items()
    )
    return PARAMETERS + _table(rows) + OUTPUTS + _table(outputs)


def decisions(pages: Iterable[Path]) -> str:
    """Return the list of decisions, in the order in which they were made."""
    return DECISIONS + "".join(f"- [{_title(page)}]({page.name})\n" for page in sorted(pages))


def calls(page: str, document: dict[str, Any]) -> str:
    """Return the API's page with the calls of its OpenAPI document between the page's marks."""
    by_tag: dict[str, list[tuple[str, str, str]]] = defaultdict(list)
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            answered = next(status for status in operation["responses"] if status < "400")
            call = f"{method.upper()} {path.removeprefix('/api/servicenow')}"
            by_tag[operation["tags"][0]].append((call, answered, operation["summary"]))
    tables = "\n".join(
        f"**{tag}**\n\n{CALLS}{_table(rows)}" for tag, rows in sorted(by_tag.items())
    )
    before, _, rest = page.partition(BEGIN)
    return f"{before}{BEGIN}\n{tables}{END}{rest.partition(END)[2]}"


def _table(rows: Iterable[tuple[str, ...]]) -> str:
    return "".join(
        f"| `{name}` | {' | '.join((*cells, _linked(description)))} |\n"
        for name, *cells, description in rows
    )


def _default(value: object) -> str:
    return f"`{value}`" if value != "" else "empty"


def _linked(text: str) -> str:
    """Turn the pages that a description names into links."""
    return re.sub(r"docs/([\w-]+)\.md", r"[\1](\1.md)", text)


def _title(page: Path) -> str:
    """Return a decision's number and subject, whether its heading has the number or not."""
    heading = page.read_text().partition("\n")[0].removeprefix("# ")
    return f"{int(page.name[:4])}. {re.sub(r'^[0-9]+[.] ', '', heading)}"


def main() -> None:
    """Write the pages, or say which are not what they are written from."""
    pages = {
        DOCS / "parameters.md": parameters(yaml_parse((ROOT / "template.yaml").read_text())),
        DOCS / "http-api.md": calls(
            (DOCS / "http-api.md").read_text(), json.loads((DOCS / "openapi.json").read_text())
        ),
        DOCS / "decisions/index.md": decisions((DOCS / "decisions").glob("[0-9]*.md")),
    }
    for page, text in pages.items():
        if "--check" not in sys.argv:
            page.write_text(text)
        elif page.read_text() != text:
            sys.exit(f"{page.relative_to(ROOT)} is stale: run make reference")


if __name__ == "__main__":
    main()
