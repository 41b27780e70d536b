"""Attachments: in pieces, once, and whole."""

import asyncio
import hashlib
import io
import os
import stat
from typing import TYPE_CHECKING

import httpx
import pytest

from local.servicenow import Fault, Simulator, faults
from servicenow_tools.errors import (
    ConnectionLostError,
    HibernatingError,
    InvalidRequestError,
    NotFoundError,
    ServiceNowError,
    UnexpectedContentError,
    ValidationError,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from servicenow_tools import ServiceNowClient

    Connect = Callable[..., ServiceNowClient]

LARGE = bytes(range(256)) * 12_000  # three pieces


def test_up_and_down(simulator: Simulator, connect: "Connect", tmp_path: "Path") -> None:
    """Bytes and files go up, come back the same, and are listed and deleted."""
    file = tmp_path / "trace.log"
    file.write_bytes(LARGE)

    async def attach() -> None:
        async with connect() as client:
            small = await client.attachments.upload("incident", "INC0000001", b"hello", "a.txt")
            assert (small["file_name"], small["content_type"]) == ("a.txt", "text/plain")
            assert small["hash"] == hashlib.sha256(b"hello").hexdigest()
            large = await client.attachments.upload("incident", "INC0000001", file)
            assert (large["file_name"], large["size_bytes"]) == ("trace.log", str(len(LARGE)))
            unknown = await client.attachments.upload(
                "incident", "INC0000001", b"", "odd.zzz", content_type="application/x-odd"
            )
            assert unknown["content_type"] == "application/x-odd"
            found = await client.attachments.list("incident", "INC0000001")
            assert [f["file_name"] for f in found] == ["a.txt", "trace.log", "odd.zzz"]
            assert await client.attachments.read(small.sys_id) == b"hello"
            saved = await client.attachments.save(large.sys_id, tmp_path / "copy.log")
            assert saved.read_bytes() == LARGE
            await client.attachments.delete(small.sys_id)
            with pytest.raises(NotFoundError):
                await client.attachments.read(small.sys_id)

    asyncio.run(attach())
    assert len(simulator.records("sys_attachment")) == 2
    assert sorted(path.name for path in tmp_path.iterdir()) == ["copy.log", "trace.log"]


@pytest.mark.parametrize(
    "fault",
    [Fault(reset=True), Fault(half=True), Fault(delay=1), faults.server_error(),
     faults.unavailable(504)],
)  # fmt: skip
@pytest.mark.parametrize("after_commit", [False, True])
@pytest.mark.parametrize("look_up_fails", [False, True])
def test_never_twice_never_lost(
    simulator: Simulator, connect: "Connect", fault: Fault, *, after_commit: bool,
    look_up_fails: bool,
) -> None:  # fmt: skip
    """What was attached before the answer was lost is found; what is not known is reported."""
    again = Fault(**{name: getattr(fault, name) for name in fault.__dataclass_fields__})
    again.method, again.path, again.after_commit = "POST", "*/attachment/*", after_commit
    simulator.faults.add(again)
    if look_up_fails:
        simulator.faults.add(faults.unavailable(method="GET", path="*/attachment", times=None))

    async def attach() -> ServiceNowError | str:
        async with connect(timeout=0.3, deadline=4.0) as client:
            try:
                return (
                    await client.attachments.upload("incident", "INC0000001", b"x", "x.txt")
                ).sys_id
            except ServiceNowError as error:
                return error

    outcome = asyncio.run(attach())
    made = [row["sys_id"] for row in simulator.records("sys_attachment")]
    if isinstance(outcome, str):
        assert made == [outcome]
    else:
        assert len(made) <= 1
        assert outcome.maybe_applied or made == []


def test_a_signed_upload_starts_again_from_its_beginning(
    simulator: Simulator, connect: "Connect", tmp_path: "Path"
) -> None:
    """A 429 sends the whole file once more."""
    file = tmp_path / "large.bin"
    file.write_bytes(LARGE)
    simulator.faults.add(faults.rate_limited(0, method="POST"))

    async def attach() -> None:
        async with connect() as client:
            record = await client.attachments.upload("incident", "INC0000001", file)
            assert record["hash"] == hashlib.sha256(LARGE).hexdigest()

    asyncio.run(attach())


@pytest.mark.parametrize(
    ("content", "name", "field"),
    [
        (b"x", None, "file_name"),
        (b"x", "", "file_name"),
        (b"x", "a/b", "file_name"),
        (b"x", "a\nb", "file_name"),
        (b"x", "n" * 101, "file_name"),
        (b"xx", "a.txt", "content"),
    ],
)
def test_what_is_no_file_is_refused(
    simulator: Simulator, connect: "Connect", content: bytes, name: str | None, field: str
) -> None:
    """Before anything is sent."""

    async def attach() -> None:
        async with connect() as client:
            with pytest.raises(InvalidRequestError) as refused:
                await client.attachments.upload(
                    "incident", "INC1234567", content, name, max_bytes=1
                )
            assert refused.value.field == field

    asyncio.run(attach())
    assert simulator.requests == []


def test_a_missing_file_and_a_missing_attachment(connect: "Connect", tmp_path: "Path") -> None:
    """Each is reported as what it is."""

    async def fail() -> None:
        async with connect() as client:
            with pytest.raises(InvalidRequestError, match="No such file"):
                await client.attachments.upload("incident", "a" * 32, tmp_path / "missing")
            with pytest.raises(NotFoundError):
                await client.attachments.upload("incident", "a" * 32, b"x", "x.txt")
            with pytest.raises(InvalidRequestError):
                await client.attachments.read("../incident")
            with pytest.raises(NotFoundError):
                await client.attachments.save("a" * 32, tmp_path / "file")
        assert list(tmp_path.iterdir()) == []

    asyncio.run(fail())


def test_the_instances_own_limit_is_reported(simulator: Simulator, connect: "Connect") -> None:
    """In its own words."""
    simulator.instance.attachment_limit = 3

    async def attach() -> None:
        async with connect() as client:
            with pytest.raises(ValidationError, match="File size exceeds"):
                await client.attachments.upload("incident", "INC0000001", b"four", "x.txt")

    asyncio.run(attach())


def test_a_download_is_whole_or_an_error(
    simulator: Simulator, connect: "Connect", tmp_path: "Path"
) -> None:
    """A broken connection is tried again; a page is no attachment; a size limit holds."""
    target = tmp_path / "copy.bin"
    target.write_bytes(b"before")

    async def download() -> None:
        async with connect() as client:
            made = await client.attachments.upload("incident", "INC0000001", LARGE, "l.bin")
            path = f"*/{made.sys_id}/file"
            simulator.faults.add(Fault(half=True, path=path))
            assert await client.attachments.read(made.sys_id) == LARGE
            simulator.faults.add(Fault(half=True, path=path, times=3))
            with pytest.raises(ConnectionLostError):
                await client.attachments.save(made.sys_id, target)
            simulator.faults.add(faults.hibernating(path=path))
            with pytest.raises(HibernatingError):
                await client.attachments.save(made.sys_id, target)
            with pytest.raises(UnexpectedContentError, match="larger than 10 bytes"):
                await client.attachments.save(made.sys_id, target, max_bytes=10)

    asyncio.run(download())
    assert target.read_bytes() == b"before"
    assert [path.name for path in tmp_path.iterdir()] == ["copy.bin"]


@pytest.mark.parametrize(
    ("metadata", "outcome"),
    [('{"size_bytes": "5"}', b"hello"), ("{", b"hello"), ('{"size_bytes": "6"}', None)],
)
def test_the_promised_size_is_compared(
    connect: "Connect", metadata: str, outcome: bytes | None
) -> None:
    """Where the instance promises one."""

    def answer(_: httpx.Request) -> httpx.Response:
        return httpx.Response(200, content=b"hello", headers={"X-Attachment-Metadata": metadata})

    async def download() -> None:
        async with connect(transport=httpx.MockTransport(answer)) as client:
            if outcome is None:
                with pytest.raises(ConnectionLostError, match="5 bytes of the attachment came"):
                    await client.attachments.read("a" * 32)
            else:
                assert await client.attachments.read("a" * 32) == outcome

    asyncio.run(download())


# ---- what can be uploaded, and where it can be saved


def test_any_binary_content(connect: "Connect", tmp_path: "Path") -> None:
    """Bytes of any kind, a path, or a file that is read from where it stands."""
    path = tmp_path / "a.log"
    path.write_bytes(b"skip" + LARGE)

    async def attach() -> None:
        async with connect() as client:
            with path.open("rb") as file, io.BytesIO(LARGE) as memory:
                file.seek(4)
                for content, name in (
                    (LARGE, "a"), (bytearray(LARGE), "b"), (memoryview(LARGE), "c"),
                    (memory, "d"), (file, None),
                ):  # fmt: skip
                    made = await client.attachments.upload("incident", "INC0000001", content, name)
                    assert made["hash"] == hashlib.sha256(LARGE).hexdigest()
                    assert made["file_name"] == (name or "a.log")

    asyncio.run(attach())


@pytest.mark.parametrize("content", ["text", io.StringIO("text"), 7, None, ["a"]])
def test_other_content_is_refused_by_name(connect: "Connect", content: object) -> None:
    """At once, before anything is sent."""

    async def attach() -> None:
        async with connect() as client:
            with pytest.raises(InvalidRequestError) as refused:
                await client.attachments.upload(
                    "incident",
                    "INC0000001",
                    content,  # type: ignore[arg-type]
                    "a.txt",
                )
            assert refused.value.field == "content"

    asyncio.run(attach())


def test_a_file_that_cannot_be_read_twice_is_refused(connect: "Connect") -> None:
    """As a pipe: an upload may have to start again."""
    read, write = os.pipe()
    os.close(write)

    async def attach() -> None:
        async with connect() as client:
            file = os.fdopen(read, "rb")
            with file, pytest.raises(InvalidRequestError, match="content"):
                await client.attachments.upload("incident", "INC0000001", file, "a.txt")

    asyncio.run(attach())


def saved(connect: "Connect", path: "Path") -> None:
    """Save an attachment of "new" as a path."""

    async def save() -> None:
        async with connect() as client:
            made = await client.attachments.upload("incident", "INC0000001", b"new", "a.txt")
            await client.attachments.save(made.sys_id, path)

    asyncio.run(save())


def test_a_saved_file_has_the_modes_of_its_place(connect: "Connect", tmp_path: "Path") -> None:
    """By umask where it is new, as they were where it is replaced; a link is followed."""
    mask = os.umask(0o022)
    try:
        saved(connect, tmp_path / "new")
    finally:
        os.umask(mask)
    (tmp_path / "old").write_bytes(b"old")
    (tmp_path / "old").chmod(0o640)
    (tmp_path / "link").symlink_to("old")
    saved(connect, tmp_path / "link")
    assert (tmp_path / "link").is_symlink()
    for name, mode in (("new", 0o644), ("old", 0o640)):
        assert (tmp_path / name).read_bytes() == b"new"
        assert stat.S_IMODE((tmp_path / name).stat().st_mode) == mode
    assert len(list(tmp_path.iterdir())) == 3


def test_what_is_no_file_is_not_replaced(connect: "Connect", tmp_path: "Path") -> None:
    """A folder, or a device."""
    with pytest.raises(InvalidRequestError, match="path"):
        saved(connect, tmp_path)


def test_saved_content_is_not_lost(
    connect: "Connect", tmp_path: "Path", monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the last step fails, the error says where the content is."""

    def refuse(*_: object) -> None:
        raise PermissionError("not permitted")

    monkeypatch.setattr("pathlib.Path.replace", refuse)
    with pytest.raises(PermissionError) as failed:
        saved(connect, tmp_path / "a.txt")
    (draft,) = tmp_path.iterdir()
    assert draft.read_bytes() == b"new"
    assert str(draft) in failed.value.__notes__[0]
