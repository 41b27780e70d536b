"""MiniStack's command, whose functions share what is unpacked of their code and layers.

MiniStack unpacks both anew for each process of a function: 1,800 files, twice the work of its
start. Here its functions get symbolic links to one copy of each package, which they only read, as
in Lambda. MiniStack's own Python runs this file: it imports nothing of this repository.
"""

import sys
import tempfile
import threading
import zipfile
from hashlib import sha256
from pathlib import Path
from typing import Any

from ministack import app
from ministack.core import lambda_runtime

# Below TMPDIR, which whoever starts this removes.
_UNPACKED = Path(tempfile.mkdtemp(prefix="unpacked-"))
_lock = threading.Lock()


class SharedZipFile(zipfile.ZipFile):
    """A package that is unpacked once, however often it is asked for."""

    @property
    def _shared(self) -> Path:
        files = sorted((entry.filename, entry.CRC) for entry in self.infolist())
        return _UNPACKED / sha256(repr(files).encode()).hexdigest()

    def namelist(self) -> list[str]:
        """Return the names to be checked before unpacking: none, once that is done."""
        return [] if self._shared.exists() else super().namelist()

    def extractall(self, path: Any = None, members: Any = None, pwd: Any = None) -> None:
        """Replace the empty folder `path` by a link to the package's one copy."""
        with _lock:
            if not self._shared.exists():
                begun = Path(tempfile.mkdtemp(dir=_UNPACKED))
                super().extractall(begun, members, pwd)
                begun.rename(self._shared)
        Path(path).rmdir()
        Path(path).symlink_to(self._shared)


class _Zipfile:
    """The module `zipfile` as MiniStack's functions see it."""

    ZipFile = SharedZipFile

    def __getattr__(self, name: str) -> Any:
        return getattr(zipfile, name)


if __name__ == "__main__":
    lambda_runtime.zipfile = _Zipfile()
    sys.exit(app.main())
