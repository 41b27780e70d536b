"""`python -m local.release v1.2.3`: the notes of a release; with `--package`, its built template.

The tag must be the version that VERSION names, CHANGELOG.md must have its section, with a date, and
tests/releases what this series of versions reads and stores (`make record`).
"""

import argparse
import re
import sys
import zipfile
from typing import TYPE_CHECKING

from local.cloud import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

# Keep a Changelog: [1.2.3] - 2026-01-31, and its kinds of changes.
_SECTION = r"^## \[{}\] - \d{{4}}-\d\d-\d\d$\n(.*?)(?=^## \[|\Z)"
# What `actionsync deploy` needs where there is no checkout.
PACKAGED = (".aws-sam/build", "deploy", "samconfig.toml")


class ReleaseError(Exception):
    """Nothing may be released; the text says why."""


def notes(tag: str, version: str, changelog: str, recorded: "Iterable[str]") -> str:
    """Return what a version's section says.

    Args:
        tag: the tag.
        version: what VERSION names.
        changelog: the text of CHANGELOG.md.
        recorded: the versions that tests/releases has.

    Raises:
        ReleaseError: the tag is not the version's, or the version has no section, or none of its
            series was recorded.
    """
    if tag != f"v{version}":
        raise ReleaseError(f"The tag {tag} is not v{version}, which VERSION names")
    pattern = _SECTION.format(re.escape(version))
    found = re.search(pattern, changelog, re.MULTILINE | re.DOTALL)
    if found is None or not found[1].strip():
        raise ReleaseError(f"CHANGELOG.md has no section [{version}] with a date")
    series = version.rpartition(".")[0]
    if series not in {each.rpartition(".")[0] for each in recorded}:
        raise ReleaseError(f"tests/releases has no version {series}: run `make record`, commit it")
    return found[1].strip() + "\n"


def package(root: "Path", file: "Path") -> None:
    """Write the built template with its parameters, as a checkout has them, into a ZIP file."""
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in PACKAGED:
            place = root / name
            for path in sorted(place.rglob("*")) if place.is_dir() else [place]:
                if path.is_file():
                    archive.write(path, path.relative_to(root))


def main() -> None:
    """Print the notes of the tag's version, or write its package."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("tag")
    parser.add_argument("--package", action="store_true", help="write dist/actionsync-<tag>.zip")
    arguments = parser.parse_args()
    version = (ROOT / "VERSION").read_text().strip()
    recorded = [path.name for path in (ROOT / "tests/releases").glob("*")]
    try:
        text = notes(arguments.tag, version, (ROOT / "CHANGELOG.md").read_text(), recorded)
    except ReleaseError as error:
        sys.exit(str(error))
    if arguments.package:
        package(ROOT, ROOT / f"dist/actionsync-{arguments.tag}.zip")
    else:
        print(text, end="")


if __name__ == "__main__":
    main()
