"""`make lighthouse`: what Lighthouse says of the pages, the median of five runs of each."""

import json
import os
import shutil
import statistics
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from rich.console import Console
from rich.table import Table

from local.cloud import LocalCloud, LocalCloudError, stop_on_signals

# The newest that Node.js 20 runs.
LIGHTHOUSE = "lighthouse@12.8.2"
CATEGORIES = ("performance", "accessibility", "best-practices", "seo")
PAGES = ("settings", "docs")
RUNS = 5
AIM = 95


def main() -> None:
    """Bring the local cloud up, measure its pages, and fail where a median is below the aim."""
    npx, browser = shutil.which("npx"), shutil.which("chromium") or shutil.which("google-chrome")
    if npx is None or browser is None:
        sys.exit("make lighthouse needs npm (Node.js 20 or newer) and Chromium on PATH.")
    console = Console(highlight=False)
    stop_on_signals()
    table = Table("page", "device", *CATEGORIES)
    is_low = False
    try:
        with console.status("") as status, LocalCloud(status.update) as cloud:
            for page in PAGES:
                for device in ("mobile", "desktop"):
                    status.update(f"{page}, {device}")
                    medians = _medians(npx, browser, f"{cloud.front.url}/{page}", device)
                    is_low |= min(medians) < AIM
                    table.add_row(f"/{page}", device, *map(str, medians))
    except LocalCloudError as error:
        sys.exit(str(error))
    console.print(table)
    if is_low:
        sys.exit(f"A median of {RUNS} runs is below {AIM}.")


def _medians(npx: str, browser: str, url: str, device: str) -> list[int]:
    scores = [_scores(npx, browser, url, device) for _ in range(RUNS)]
    return [round(statistics.median(score[name] for score in scores)) for name in CATEGORIES]


def _scores(npx: str, browser: str, url: str, device: str) -> dict[str, float]:
    """Return the scores of one run, from 0 to 100."""
    with TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        command = [
            npx, "--yes", LIGHTHOUSE, url, "--quiet", "--output=json", f"--output-path={report}",
            f"--only-categories={','.join(CATEGORIES)}",
            "--chrome-flags=--headless=new --no-sandbox --disable-dev-shm-usage",
            *(["--preset=desktop"] if device == "desktop" else []),
        ]  # fmt: skip
        subprocess.run(command, check=True, env={**os.environ, "CHROME_PATH": browser})  # noqa: S603 - a pinned tool
        found: dict[str, Any] = json.loads(report.read_text())["categories"]
    return {name: 100 * float(found[name]["score"]) for name in CATEGORIES}


if __name__ == "__main__":
    main()
