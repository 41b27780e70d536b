"""Files attached to records (documentation: Attachment API)."""

import asyncio
import hashlib
import mimetypes
import os
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any

import httpx

from servicenow_tools._answers import AttemptError, parsed
from servicenow_tools._http import Http, Request, Upload
from servicenow_tools._table import Tables
from servicenow_tools.errors import (
    ConnectionLostError,
    InvalidRequestError,
    ServiceNowError,
    UnexpectedContentError,
)
from servicenow_tools.query import field
from servicenow_tools.records import Record
from servicenow_tools.references import is_sys_id
from servicenow_tools.retries import Outcome

_TABLE = "sys_attachment"
_PIECE = 1024 * 1024
# The property com.glide.attachment.max_size is 1024 MB on a new instance.
MAX_BYTES = 1024 * 1024 * 1024
_MAX_READ_BYTES = 64 * 1024 * 1024
_LONGEST_NAME = 100


class Attachments:
    """The files attached to one instance's records."""

    def __init__(self, http: Http, tables: Tables) -> None:
        self._http = http
        self._tables = tables

    async def upload(
        self,
        table: str,
        id: str,  # noqa: A002 - the API's own name
        content: bytes | os.PathLike[str],
        file_name: str | None = None,
        *,
        content_type: str | None = None,
        max_bytes: int = MAX_BYTES,
    ) -> Record:
        """Attach a file to a record, exactly once: the same content of the same name is found.

        Args:
            table: the record's table.
            id: its sys_id or number.
            content: the bytes, or the path of a file, which is sent in pieces.
            file_name: its name; a path's own if None.
            content_type: its media type; by the name if None.
            max_bytes: how large it may be; a new instance takes at most 1 GiB.

        Returns:
            The record of sys_attachment: `file_name`, `size_bytes`, `hash` (SHA-256), ...

        Raises:
            InvalidRequestError: the file is too large, unreadable, or has no name.
            ServiceNowError: with `maybe_applied`, it may be attached.
        """
        name = _checked_name(file_name, content)
        size, digest = await asyncio.to_thread(_measured, content)
        if size > max_bytes:
            raise InvalidRequestError(f"must not be larger than {max_bytes} bytes", "content")
        media_type = content_type or mimetypes.guess_type(name)[0] or "application/octet-stream"
        with self._http.budget():
            sys_id = await self._tables.found(table, id)
            where = {"table_name": table, "table_sys_id": sys_id, "file_name": name}
            request = Request(
                "POST",
                "/api/now/attachment/file",
                where,
                upload=Upload(_pieces(content), size, media_type),
            )
            try:
                return self._tables.record(_TABLE, await self._http.send(request))
            except ServiceNowError as error:
                if not error.maybe_applied:
                    raise
                made = await self._made_after_all(table, sys_id, name, digest, error)
                if made is None:
                    raise
                return made

    async def _made_after_all(
        self, table: str, sys_id: str, name: str, digest: str, error: ServiceNowError
    ) -> Record | None:
        try:
            found = await self.list(table, sys_id)
        except ServiceNowError:
            raise error from None
        return next((f for f in found if (f["file_name"], f.get("hash")) == (name, digest)), None)

    async def list(self, table: str, id: str) -> list[Record]:  # noqa: A002
        """Return what is attached to a record, oldest first: records of sys_attachment."""
        with self._http.budget():
            sys_id = await self._tables.found(table, id)
            query = field("table_name").eq(table) & field("table_sys_id").eq(sys_id)
            answer = await self._http.get(
                "/api/now/attachment",
                sysparm_query=query.order_by("sys_created_on").encode(),
                sysparm_limit="1000",
            )
        rows = [row for row in answer.records() if row.get("table_sys_id") == sys_id]
        return self._tables.records(_TABLE, rows)

    async def read(self, sys_id: str, *, max_bytes: int = _MAX_READ_BYTES) -> bytes:
        """Return an attachment's content.

        Args:
            sys_id: the attachment's own sys_id.
            max_bytes: how large it may be.

        Raises:
            NotFoundError: there is none, or it is hidden.
            UnexpectedContentError: it is larger, or the answer is no attachment.
        """
        content = bytearray()

        def begin() -> Callable[[bytes], object]:
            content.clear()
            return content.extend

        await self._download(sys_id, begin, max_bytes)
        return bytes(content)

    async def save(
        self, sys_id: str, path: os.PathLike[str], *, max_bytes: int = MAX_BYTES
    ) -> Path:
        """Save an attachment's content to a file, piece by piece; the file is whole or untouched.

        Args:
            sys_id: the attachment's own sys_id.
            path: where to save it; a file there is replaced.
            max_bytes: how large it may be.

        Raises:
            NotFoundError: there is none, or it is hidden.
            UnexpectedContentError: it is larger, or the answer is no attachment.
            OSError: the file cannot be written.
        """
        target = Path(path)
        with NamedTemporaryFile(dir=target.parent, prefix=target.name) as file:

            def begin() -> Callable[[bytes], object]:
                file.seek(0)
                file.truncate()
                return file.write

            await self._download(sys_id, begin, max_bytes)
            file.flush()
            # A link is made at once, and the passing name goes with the block.
            await asyncio.to_thread(_link, file.name, target)
        return target

    async def delete(self, sys_id: str) -> None:
        """Delete an attachment by its own sys_id; NotFoundError where there is none."""
        await self._http.send(Request("DELETE", f"/api/now/attachment/{_checked(sys_id)}"))

    async def _download(
        self, sys_id: str, begin: Callable[[], Callable[[bytes], object]], max_bytes: int
    ) -> None:
        async def receive(response: httpx.Response) -> Any:
            # Without its metadata it is no attachment but, say, a sleeping instance's page.
            size = _promised_size(response)
            if size is None:
                return None
            write = begin()
            received = 0
            async for piece in response.aiter_bytes(_PIECE):
                received += len(piece)
                if received > max_bytes:
                    text = f"The attachment is larger than {max_bytes} bytes."
                    error = UnexpectedContentError(response.status_code, text)
                    raise AttemptError(error, Outcome.FAILED)
                await asyncio.to_thread(write, piece)
            if size not in {received, -1}:
                text = f"{received} bytes of the attachment came, not {size}."
                lost = ConnectionLostError(text, maybe_applied=False)
                raise AttemptError(lost, Outcome.UNANSWERED)
            return received

        path = f"/api/now/attachment/{_checked(sys_id)}/file"
        await self._http.send(Request("GET", path, receive=receive))


def _link(source: str, target: Path) -> None:
    passing = Path(f"{source}.link")
    passing.hardlink_to(source)
    passing.replace(target)


def _promised_size(response: httpx.Response) -> int | None:
    """Return the size that the metadata header tells, -1 where it does not, None without one."""
    text = response.headers.get("x-attachment-metadata")
    if text is None:
        return None
    try:
        return int(parsed(text.encode())["size_bytes"])
    except (ValueError, TypeError, KeyError, OverflowError):
        return -1


def _checked(sys_id: str) -> str:
    if not is_sys_id(sys_id):
        raise InvalidRequestError("must be a sys_id (32 hexadecimal digits)", "sys_id")
    return sys_id


def _checked_name(file_name: str | None, content: bytes | os.PathLike[str]) -> str:
    name = file_name
    if name is None and not isinstance(content, bytes):
        name = Path(content).name
    if not name or len(name) > _LONGEST_NAME or not name.isprintable() or {"/", "\\"} & set(name):
        raise InvalidRequestError(
            f"must be a file name of at most {_LONGEST_NAME} characters", "file_name"
        )
    return name


def _measured(content: bytes | os.PathLike[str]) -> tuple[int, str]:
    """Return a content's size in bytes and its SHA-256."""
    if isinstance(content, bytes):
        return len(content), hashlib.sha256(content).hexdigest()
    try:
        with Path(content).open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
            return file.tell(), digest
    except OSError as error:
        raise InvalidRequestError(f"cannot be read: {error.strerror}", "content") from None


def _pieces(content: bytes | os.PathLike[str]) -> Callable[[], AsyncIterator[bytes]]:
    async def pieces() -> AsyncIterator[bytes]:
        if isinstance(content, bytes):
            for start in range(0, len(content), _PIECE):
                yield content[start : start + _PIECE]
            return
        file = await asyncio.to_thread(Path(content).open, "rb")
        with file:
            while piece := await asyncio.to_thread(file.read, _PIECE):
                yield piece

    return pieces
