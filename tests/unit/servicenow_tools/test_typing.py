"""What a type checker says of the client's calls: checked by `make check`, and run here."""

import asyncio
from typing import TYPE_CHECKING, Any, assert_type

from servicenow_tools import Choice, Page, Query, Record, ServiceNowError, field
from servicenow_tools.records import Column, ConnectionReport, FieldProblem, IgnoredField, Preview

if TYPE_CHECKING:
    from collections.abc import Callable

    from servicenow_tools import ServiceNowClient


def test_the_types_of_the_calls(connect: "Callable[..., ServiceNowClient]") -> None:
    """Nothing that a caller gets is untyped, but a record's own values."""

    async def use(client: "ServiceNowClient") -> None:
        record = assert_type(await client.get_incident("INC0000001"), Record)
        assert_type(record["number"], Any)
        assert_type(record.sys_id, str)
        assert_type(record.ignored_fields, list[IgnoredField])
        query = assert_type(field("priority").eq(1) | field("impact").eq(1), Query)
        page = assert_type(await client.table("incident").page(query), Page)
        assert_type(page.records, list[Record])
        assert_type(page.next, str | None)
        async for one in client.table("incident").iterate(query):
            assert_type(one, Record)
        assert_type(await client.table("incident").count(), int)
        assert_type(await client.table("incident").choices("state"), list[Choice])
        assert_type(await client.table("incident").columns(), dict[str, Column])
        preview = assert_type(await client.table("incident").preview({}), Preview)
        assert_type(preview.problems, list[FieldProblem])
        assert_type(await client.bulk.create("incident", []), list[Record | ServiceNowError])
        assert_type(await client.attachments.list("incident", record.sys_id), list[Record])
        assert_type(await client.table("incident").find_by_correlation_id("x"), Record | None)
        assert_type(await client.test_connection(), ConnectionReport)

    async def run() -> None:
        async with connect() as client:
            await use(client)

    asyncio.run(run())
