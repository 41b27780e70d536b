"""Writes the synchronous client, `servicenow_tools.sync`, from the asynchronous one.

unasync exchanges the words of asyncio; what it does not know are the names of httpx and httpcore.
`--check` compares instead of writing.
"""

import argparse
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import unasync

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "layers/servicenow_tools/servicenow_tools"
TARGET = SOURCE / "sync"
# What knows nothing of asyncio is shared; _concurrency.py is written by hand for each.
MODULES = (
    "_capabilities", "_connection_test", "_http", "_metadata", "_responses", "_transport",
    "attachments", "auth", "bulk", "changes", "client", "cmdb", "events", "import_sets",
    "incidents", "problems", "security_incidents", "tables",
)  # fmt: skip
NAMES = {
    "AnyIOBackend": "SyncBackend",
    "AsyncBaseTransport": "BaseTransport",
    "AsyncByteStream": "SyncByteStream",
    "AsyncConnectionInterface": "ConnectionInterface",
    "AsyncConnectionPool": "ConnectionPool",
    "AsyncNetworkBackend": "NetworkBackend",
    "AsyncNetworkStream": "NetworkStream",
    "Awaitable": "Result",
    "aclose": "close",
    "aclosing": "closing",
    "aiter_bytes": "iter_bytes",
    "aiter_stream": "iter_stream",
    "anext": "next",
    "asend": "send",
    "async_auth_flow": "sync_auth_flow",
    "handle_async_request": "handle_request",
}
WORDS = {
    "`async with`": "`with`",
    "`aclose`": "`close`",
    "many tasks, and used\n    again in another event loop.": "many threads.",
}
HEAD = "# Generated from servicenow_tools/{} by `make sync`: change that one.\n"


def generate(folder: Path) -> None:
    """Write the package's generated modules into a folder."""
    rule = unasync.Rule(f"{SOURCE}/", f"{folder}/", additional_replacements=NAMES)
    unasync.unasync_files([str(SOURCE / f"{name}.py") for name in MODULES], [rule])
    own = "|".join((*MODULES, "_concurrency"))
    for name in MODULES:
        path = folder / f"{name}.py"
        text = path.read_text()
        text = re.sub(rf"(?<=from servicenow_tools\.)({own})\b", r"sync.\1", text)
        text = text.replace(
            "from servicenow_tools import _concurrency",
            "from servicenow_tools.sync import _concurrency",
        )
        text = re.sub(
            r"from servicenow_tools import (.*?)_concurrency(?:, )?(.*)\n",
            lambda found: (
                f"from servicenow_tools import {found[1]}{found[2]}\n".replace(", \n", "\n")
                + "from servicenow_tools.sync import _concurrency\n"
            ),
            text,
        )
        text = re.sub(
            r"(from servicenow_tools\.sync import _concurrency), (.*)\n",
            r"from servicenow_tools import \2\n\1\n",
            text,
        )
        text = re.sub(r"Result\[([^\[\]]*(?:\[[^\[\]]*\])?[^\[\]]*)\]", r"\1", text)
        text = re.sub(r"\bResult, |, Result\b", "", text)
        for word, other in WORDS.items():
            text = text.replace(word, other)
        path.write_text(HEAD.format(path.name) + text)
    ours = 'lint.isort.known-first-party = ["servicenow_tools"]'
    options = ["--isolated", "--line-length", "100", "--quiet", "--config", ours, str(folder)]
    ruff = [sys.executable, "-m", "ruff"]
    subprocess.run([*ruff, "check", "--fix", "--select", "I,F401", *options], check=True)  # noqa: S603 - our own command
    subprocess.run([*ruff, "format", *options], check=True)  # noqa: S603 - the same


def main() -> None:
    """Write the modules, or end with a sentence about the first that differs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="compare instead of writing")
    if not parser.parse_args().check:
        generate(TARGET)
        return
    with tempfile.TemporaryDirectory() as folder:
        generate(Path(folder))
        for name in MODULES:
            path = TARGET / f"{name}.py"
            if not path.is_file() or path.read_text() != (Path(folder) / path.name).read_text():
                raise SystemExit(f"{path.relative_to(ROOT)} is not what make sync writes")


if __name__ == "__main__":
    main()
