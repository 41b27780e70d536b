"""`python -m local.events`: write the payloads in events/ that descriptions of operations imply.

A payload is what `sam local invoke --event` takes. Functions that several routes share have one
folder, where the further routes' payloads carry the name of their operation.
"""

import json
from pathlib import Path
from typing import Any

from local.operations import operations

FOLDER = Path(__file__).parent.parent / "events"


def payloads() -> dict[tuple[str, str], dict[str, Any]]:
    """Return the payloads by their function and the names of their files."""
    found: dict[tuple[str, str], dict[str, Any]] = {}
    written: set[tuple[str, str]] = set()
    for described in operations():
        if described.operation.has_written_events:
            written.add((described.folder, "valid"))
            continue
        for scenario in ("valid", *described.operation.refused):
            name = scenario
            if (described.folder, name) in written.union(found):
                name = f"{scenario}_{described.operation.id}"
            found[described.folder, name] = described.event(scenario)
    return found


def main() -> None:
    """Write them."""
    for (function, name), payload in payloads().items():
        file = FOLDER / function / f"{name}.json"
        file.parent.mkdir(exist_ok=True)
        file.write_text(json.dumps(payload, indent=2) + "\n")


if __name__ == "__main__":
    main()
