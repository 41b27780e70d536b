"""Starts MiniStack so that its functions share one unpacked copy of their code and layers.

MiniStack unpacks both anew for each process of a function, some 1,800 files. Here it gets symbolic
links to one copy of each package, which functions only read, as in Lambda. MiniStack's own Python
runs this file: it imports nothing of this repository.
"""

import sys
import tempfile
import threading
import zipfile
from hashlib import file_digest
from pathlib import Path
from typing import Any, Self

from ministack import app
from ministack.core import lambda_runtime

# In TMPDIR, which local/cloud.py removes.
_UNPACKED = Path(tempfile.mkdtemp(prefix="unpacked-"))
_lock = threading.Lock()


class SharedZipFile:
    """A package that is unpacked once, however often it is asked for.

    It is known by its bytes: to read the list of its files for each process would keep MiniStack
    from answering meanwhile.
    """

    def __init__(self, file: str) -> None:
        self._file = file
        with Path(file).open("rb") as package:
            self._shared = _UNPACKED / file_digest(package, "sha256").hexdigest()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Do nothing: no file is open."""

    def namelist(self) -> list[str]:
        """Return the names that MiniStack checks before unpacking: none, once that is done."""
        if self._shared.exists():
            return []
        with zipfile.ZipFile(self._file) as package:
            return package.namelist()

    def extractall(self, path: str) -> None:
        """Replace the empty folder `path` with a link to the package's one copy."""
        with _lock:
            if not self._shared.exists():
                begun = Path(tempfile.mkdtemp(dir=_UNPACKED))
                with zipfile.ZipFile(self._file) as package:
                    package.extractall(begun)
                begun.rename(self._shared)
        Path(path).rmdir()
        Path(path).symlink_to(self._shared)


class _Zipfile:
    """The module `zipfile` as MiniStack's functions see it."""

    ZipFile = SharedZipFile

    def __getattr__(self, name: str) -> Any:
        return getattr(zipfile, name)


if __name__ == "__main__":
    if lambda_runtime.zipfile is not zipfile:
        sys.exit("MiniStack no longer unpacks packages with `zipfile`: see decision 42.")
    lambda_runtime.zipfile = _Zipfile()
    sys.exit(app.main())
