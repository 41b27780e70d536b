# Generated from servicenow_tools/attachments.py by `make sync`: change that one.
"""Files attached to records (documentation: Attachment API)."""

import hashlib
import io
import mimetypes
import os
import stat
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import httpx

from servicenow_tools._references import is_sys_id
from servicenow_tools.errors import (
    ConnectionLostError,
    InvalidRequestError,
    ServiceNowError,
    UnexpectedContentError,
)
from servicenow_tools.query import field
from servicenow_tools.records import Record
from servicenow_tools.retries import Outcome
from servicenow_tools.sync import _concurrency
from servicenow_tools.sync._http import Request, Upload
from servicenow_tools.sync._responses import AttemptError, parsed
from servicenow_tools.sync.tables import Instance, Resource, check_rows

_TABLE = "sys_attachment"
_PIECE = 1024 * 1024
# The property com.glide.attachment.max_size is 1024 MB on a new instance.
MAX_BYTES = 1024 * 1024 * 1024
_MAX_READ_BYTES = 64 * 1024 * 1024
_LONGEST_NAME = 100

Content = bytes | bytearray | memoryview | os.PathLike[str] | BinaryIO


class Attachments:
    """The files attached to one instance's records."""

    def __init__(self, instance: Instance) -> None:
        self._instance = instance
        self._http = instance.http
        self._files = Resource(instance, _TABLE)

    def upload(
        self,
        table: str,
        id: str,  # noqa: A002 - the API's own name
        content: Content,
        file_name: str | None = None,
        *,
        content_type: str | None = None,
        max_bytes: int = MAX_BYTES,
    ) -> Record:
        """Attach a file to a record, exactly once: the same content of the same name is found.

        Args:
            table: the record's table.
            id: its sys_id or number.
            content: bytes, the path of a file, or a binary file that can be read twice; a file is
                sent in pieces.
            file_name: its name; a path's own if None.
            content_type: its media type; by the name if None.
            max_bytes: how large it may be; a new instance takes at most 1 GiB.

        Returns:
            The record of sys_attachment: `file_name`, `size_bytes`, `hash` (SHA-256), ...

        Raises:
            InvalidRequestError: the file is too large, unreadable, or has no name.
            ServiceNowError: with `maybe_applied`, it may be attached.
        """
        name = _validate_name(file_name, content)
        size, digest = _concurrency.run_in_thread(_measured, content)
        if size > max_bytes:
            raise InvalidRequestError(f"must not be larger than {max_bytes} bytes", "content")
        media_type = content_type or mimetypes.guess_type(name)[0] or "application/octet-stream"
        with self._http.deadline():
            sys_id = Resource(self._instance, table).resolve_sys_id(id)
            where = {"table_name": table, "table_sys_id": sys_id, "file_name": name}
            request = Request(
                "POST",
                "/api/now/attachment/file",
                where,
                upload=Upload(_pieces(content), size, media_type),
            )
            try:
                return self._files.to_record((self._http.send(request)).row())
            except ServiceNowError as error:
                if not error.maybe_applied:
                    raise
                created = self._find_created(table, sys_id, name, digest, error)
                if created is None:
                    raise
                return created

    def _find_created(
        self, table: str, sys_id: str, name: str, digest: str, error: ServiceNowError
    ) -> Record | None:
        try:
            found = self.list(table, sys_id)
        except ServiceNowError:
            raise error from None
        return next((f for f in found if (f["file_name"], f.get("hash")) == (name, digest)), None)

    def list(self, table: str, id: str) -> list[Record]:  # noqa: A002
        """Return what is attached to a record, oldest first: records of sys_attachment."""
        with self._http.deadline():
            sys_id = Resource(self._instance, table).resolve_sys_id(id)
            query = field("table_name").eq(table) & field("table_sys_id").eq(sys_id)
            answer = self._http.get(
                "/api/now/attachment",
                sysparm_query=query.order_by("sys_created_on").encode(),
                sysparm_limit="1000",
            )
        rows = answer.records()
        check_rows(rows, "table_sys_id", sys_id)
        return [self._files.to_record(row) for row in rows]

    def read(self, sys_id: str, *, max_bytes: int = _MAX_READ_BYTES) -> bytes:
        """Return an attachment's content.

        Args:
            sys_id: the attachment's own sys_id.
            max_bytes: how large it may be.

        Raises:
            NotFoundError: there is no such attachment, or it is hidden.
            UnexpectedContentError: it is larger, or the answer is not an attachment.
        """
        content = bytearray()

        def begin() -> Callable[[bytes], object]:
            content.clear()
            return content.extend

        self._download(sys_id, begin, max_bytes)
        return bytes(content)

    def save(self, sys_id: str, path: os.PathLike[str], *, max_bytes: int = MAX_BYTES) -> Path:
        """Save an attachment's content to a file, piece by piece; the file is whole or untouched.

        A new file has the modes that the process gives its files, a replaced one stays as it was;
        a link is followed.

        Args:
            sys_id: the attachment's own sys_id.
            path: where to save it; a file there is replaced.
            max_bytes: how large it may be.

        Raises:
            NotFoundError: there is no such attachment, or it is hidden.
            UnexpectedContentError: it is larger, or the answer is not an attachment.
            OSError: the file cannot be written.
        """
        with _replacing(Path(path)) as file:

            def begin() -> Callable[[bytes], object]:
                file.seek(0)
                file.truncate()
                return file.write

            self._download(sys_id, begin, max_bytes)
        return Path(path)

    def delete(self, sys_id: str) -> None:
        """Delete an attachment by its own sys_id; NotFoundError where it does not exist."""
        self._http.send(Request("DELETE", f"/api/now/attachment/{_validate(sys_id)}"))

    def _download(
        self, sys_id: str, begin: Callable[[], Callable[[bytes], object]], max_bytes: int
    ) -> None:
        def receive(response: httpx.Response) -> Any:
            # Without its metadata it is no attachment but, say, a sleeping instance's page.
            size = _promised_size(response)
            if size is None:
                return None
            write = begin()
            received = 0
            for piece in response.iter_bytes(_PIECE):
                received += len(piece)
                if received > max_bytes:
                    text = f"The attachment is larger than {max_bytes} bytes."
                    error = UnexpectedContentError(response.status_code, text)
                    raise AttemptError(error, Outcome.FAILED)
                _concurrency.run_in_thread(write, piece)
            if size not in {received, -1}:
                text = f"{received} bytes of the attachment came, not {size}."
                lost = ConnectionLostError(text, maybe_applied=False)
                raise AttemptError(lost, Outcome.UNANSWERED)
            return received

        path = f"/api/now/attachment/{_validate(sys_id)}/file"
        self._http.send(Request("GET", path, receive=receive))


@contextmanager
def _replacing(path: Path) -> "Iterator[BinaryIO]":
    """Give a file that takes the place of another when the block has ended well."""
    target = path.resolve()
    if target.exists() and not target.is_file():
        raise InvalidRequestError("must be a file, or the name of a new one", "path")
    draft = target.with_name(f".{target.name[:100]}.{uuid.uuid4().hex}")
    try:
        with draft.open("x+b") as file:
            yield file
        if target.exists():
            draft.chmod(stat.S_IMODE(target.stat().st_mode))
    except BaseException:
        draft.unlink(missing_ok=True)
        raise
    try:
        draft.replace(target)
    except OSError as error:
        error.add_note(f"The content is in {draft}.")
        raise


def _promised_size(response: httpx.Response) -> int | None:
    """Return the size that the metadata header names, -1 where it does not, None without one."""
    text = response.headers.get("x-attachment-metadata")
    if text is None:
        return None
    try:
        return int(parsed(text.encode())["size_bytes"])
    except (ValueError, TypeError, KeyError, OverflowError):
        return -1


def _validate(sys_id: str) -> str:
    if not is_sys_id(sys_id):
        raise InvalidRequestError("must be a sys_id (32 hexadecimal digits)", "sys_id")
    return sys_id


def _validate_name(file_name: str | None, content: Content) -> str:
    name = file_name
    if name is None:
        named = content if isinstance(content, os.PathLike) else getattr(content, "name", "")
        name = Path(named).name if isinstance(named, str | os.PathLike) else ""
    if not name or len(name) > _LONGEST_NAME or not name.isprintable() or {"/", "\\"} & set(name):
        raise InvalidRequestError(
            f"must be a file name of at most {_LONGEST_NAME} characters", "file_name"
        )
    return name


def _measured(content: Content) -> tuple[int, str]:
    """Return a content's size in bytes and its SHA-256.

    Raises:
        InvalidRequestError: it is not a file, or cannot be read.
    """
    try:
        with _opened(content) as file:
            start = file.tell()
            digest = hashlib.sha256()
            while piece := file.read(_PIECE):
                digest.update(piece)
            size = file.tell() - start
            file.seek(start)
    except OSError as error:  # io.UnsupportedOperation among them
        raise InvalidRequestError(f"cannot be read: {error.strerror or error}", "content") from None
    except (AttributeError, TypeError, ValueError):
        raise InvalidRequestError(
            "must be bytes, a path, or a binary file that can be read twice", "content"
        ) from None
    return size, digest.hexdigest()


@contextmanager
def _opened(content: Content) -> "Iterator[BinaryIO]":
    if isinstance(content, bytes | bytearray | memoryview):
        yield io.BytesIO(content)
    elif isinstance(content, os.PathLike):
        with Path(content).open("rb") as file:
            yield file
    else:
        yield content


def _pieces(content: Content) -> Callable[[], Iterator[bytes]]:
    start = (
        0 if isinstance(content, bytes | bytearray | memoryview | os.PathLike) else content.tell()
    )

    def pieces() -> Iterator[bytes]:
        with _opened(content) as file:
            file.seek(start)
            while piece := _concurrency.run_in_thread(file.read, _PIECE):
                yield piece

    return pieces
