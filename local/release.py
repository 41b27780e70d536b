"""`python -m local.release v1.2.3`: the notes of a release, out of CHANGELOG.md.

The tag must be the version that VERSION names, and CHANGELOG.md must have its section, with a date.
"""

import re
import sys

from local.cloud import ROOT

# Keep a Changelog: [1.2.3] - 2026-01-31, and its kinds of changes.
_SECTION = r"^## \[{}\] - \d{{4}}-\d\d-\d\d$\n(.*?)(?=^## \[|\Z)"


class ReleaseError(Exception):
    """Nothing may be released; the text says why."""


def notes(tag: str, version: str, changelog: str) -> str:
    """Return what a version's section says.

    Raises:
        ReleaseError: the tag is not the version's, or the version has no section yet.
    """
    if tag != f"v{version}":
        raise ReleaseError(f"The tag {tag} is not v{version}, which VERSION names")
    pattern = _SECTION.format(re.escape(version))
    found = re.search(pattern, changelog, re.MULTILINE | re.DOTALL)
    if found is None or not found[1].strip():
        raise ReleaseError(f"CHANGELOG.md has no section [{version}] with a date")
    return found[1].strip() + "\n"


def main() -> None:
    """Print the notes of the tag's version."""
    version = (ROOT / "VERSION").read_text().strip()
    try:
        print(notes(sys.argv[1], version, (ROOT / "CHANGELOG.md").read_text()), end="")
    except ReleaseError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
