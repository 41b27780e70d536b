"""`make bench`: measures the parts one after the other and writes them into docs/performance.md.

`python -m tests.benchmarks [functions] [clients] [events] [folding] [storm]` measures only these;
the rest of the page stays as it was. A part that fails does not keep the next one from being
measured.
"""

import argparse
import re
import sys
import traceback
from typing import TYPE_CHECKING

from local.cloud import ROOT
from tests.benchmarks import clients, events, folding, functions, storm

if TYPE_CHECKING:
    from collections.abc import Callable

PAGE = ROOT / "docs/performance.md"


def main() -> None:
    """Measure and report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--samples", type=int, default=20, help="processes per handler")
    parser.add_argument("--warm-calls", type=int, default=20, help="warm calls per process")
    parser.add_argument("parts", nargs="*", help="what to measure; everything if left out")
    arguments = parser.parse_args()
    parts: dict[str, Callable[[], str]] = {
        "functions": lambda: functions.report(arguments.samples, arguments.warm_calls),
        "clients": clients.report,
        "events": events.report,
        "folding": folding.report,
        "storm": storm.report,
    }
    failed = []
    for name in arguments.parts or parts:
        try:
            text = parts[name]()
        except Exception:  # noqa: BLE001 - whatever it was, the next part is measured
            traceback.print_exc()
            failed.append(name)
            continue
        print(text)
        page = storm.PAGE if name in {"folding", "storm"} else PAGE
        page.write_text(replaced(page.read_text(), name, text))
    if failed:
        sys.exit(f"Not measured: {', '.join(failed)}. `make bench PARTS=...` goes on with them.")


def replaced(page: str, name: str, text: str) -> str:
    """Return a page with the text between the marks of a part replaced.

    Raises:
        ValueError: the page has no such marks.
    """
    begin, end = f"<!-- {name}: begin -->", f"<!-- {name}: end -->"
    found = re.compile(rf"{begin}\n.*?{end}", re.DOTALL)
    if not found.search(page):
        raise ValueError(f"The page has no marks {begin} and {end}")
    return found.sub(lambda _: f"{begin}\n{text.strip()}\n{end}", page, count=1)


if __name__ == "__main__":
    main()
