"""The command `servicenow-tools`: the synchronous client at a terminal and in pipelines."""

import sys


def main() -> None:
    """Run the command, or say what it needs."""
    try:
        from servicenow_tools.cli.commands import app  # noqa: PLC0415 - its packages are an extra
    except ModuleNotFoundError as error:
        sys.exit(f"{error.name} is missing: pip install 'servicenow-tools[cli]'")
    app()
