"""`python -m local.events`: write the payloads in events/ that descriptions of operations imply.

A payload is what `sam local invoke --event` takes. Functions that several routes share have one
folder, where the further routes' payloads carry the name of their operation.

`python -m local.events uptime_down < down.json` writes an example of a source's events instead:
what its sender sends, in the message by which the queue brings it.
"""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from actionsync.rules.sections import RECIPES
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


def of_queue(name: str, sent: Any) -> dict[str, Any]:
    """Return the payload by which `on_event` gets what a sender has sent.

    Args:
        name: the example's name; it begins with the source's.
        sent: an event of EventBridge's, or an item of a delivery to a webhook.
    """
    payload: dict[str, Any] = json.loads((FOLDER / "on_event/valid.json").read_text())
    if not (isinstance(sent, dict) and "detail-type" in sent):
        sources = [source for source in RECIPES if name.startswith(f"{source}_")]
        webhook = {
            "id": "0" * 32,
            "name": "prod",
            "owner": "11111111-2222-4333-8444-555555555555",
            "source": max(sources, key=len, default=name.partition("_")[0]),
        }
        sent = {
            "version": 1, "webhook": webhook, "delivery": "d1",
            "received_at": "2026-11-26T20:00:00Z", "headers": {}, "whole": {}, "element": sent,
            "is_cut": False,
        }  # fmt: skip
    payload["Records"][0]["body"] = json.dumps(sent)
    return payload


def main() -> None:
    """Write them, or the one that is named."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("example", nargs="?", help="of what its sender sends, on standard input")
    if example := parser.parse_args().example:
        _write("on_event", example, of_queue(example, json.load(sys.stdin)))
        return
    for (function, name), payload in payloads().items():
        _write(function, name, payload)


def _write(function: str, name: str, payload: dict[str, Any]) -> None:
    file = FOLDER / function / f"{name}.json"
    file.parent.mkdir(exist_ok=True)
    file.write_text(json.dumps(payload, indent=2) + "\n")


if __name__ == "__main__":
    main()
