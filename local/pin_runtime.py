"""`python -m local.pin_runtime <python3.x>`: a build deploys with the Python that built it alone.

Compiled packages and bytecode belong to one Python. Run by `make build`, on the built template.
"""

import sys
from pathlib import Path

import yaml

BUILT = Path(__file__).parent.parent / ".aws-sam/build/template.yaml"


def pin(template: str, runtime: str) -> tuple[str, str]:
    """Return a built template whose parameter `Runtime` is the given one alone, and what it was."""
    document = yaml.safe_load(template)
    parameter = document["Parameters"]["Runtime"]
    default: str = parameter["Default"]
    parameter |= {"Default": runtime, "AllowedValues": [runtime]}
    return yaml.safe_dump(document, sort_keys=False), default


def main() -> None:
    """Pin the built template, and say so if it asks for another Python."""
    runtime = sys.argv[1]
    template, default = pin(BUILT.read_text(), runtime)
    BUILT.write_text(template)
    if runtime != default:
        print(
            f"Built with {runtime}, while the template's Runtime is {default}: this build deploys "
            f"with Runtime={runtime} alone."
        )


if __name__ == "__main__":
    main()
