"""The Attachment API (documentation: Attachment API)."""

import hashlib
import json
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from local.servicenow import rules
from local.servicenow.errors import ApiError
from local.servicenow.instance import require
from local.servicenow.records import View, render

if TYPE_CHECKING:
    from local.servicenow.instance import Instance, Row

Endpoint = Callable[[Request], Awaitable[Response]]

_TABLE = "sys_attachment"


def routes(instance: "Instance") -> list[tuple[str, Endpoint, list[str]]]:
    """Return the API's routes below `/api/now/attachment`: path, endpoint, methods."""
    api = _AttachmentApi(instance)
    return [
        ("", api.find, ["GET"]),
        ("/file", api.upload, ["POST"]),
        ("/{sys_id}", api.attachment, ["GET", "DELETE"]),
        ("/{sys_id}/file", api.download, ["GET"]),
    ]


class _AttachmentApi:
    def __init__(self, instance: "Instance") -> None:
        self._instance = instance

    async def find(self, request: Request) -> Response:
        query = request.query_params.get("sysparm_query", "")
        limit = int(request.query_params.get("sysparm_limit", 1000))
        rows = self._instance.search(_TABLE, query, request.state.user)
        visible = [row for row in rows if rules.may_read(request.state.user, row["table_name"])]
        return JSONResponse({"result": [self._shown(request, row) for row in visible[:limit]]})

    async def upload(self, request: Request) -> Response:
        parameters = request.query_params
        table = require(parameters.get("table_name", ""))
        target = self._instance.find(table.name, parameters.get("table_sys_id", ""))
        if target is None:
            raise ApiError(404, "No Record found", "Record doesn't exist or ACL restricts")
        rules.check_write(request.state.user, table.name, "Update")
        content = await request.body()
        if len(content) > self._instance.attachment_limit:
            raise ApiError(413, "File size exceeds the maximum", "com.glide.attachment.max_size")
        row = self._instance.put(
            _TABLE,
            file_name=parameters.get("file_name", ""),
            table_name=table.name,
            table_sys_id=target["sys_id"],
            content_type=request.headers.get("content-type", "application/octet-stream"),
            size_bytes=str(len(content)),
            hash=hashlib.sha256(content).hexdigest(),
            sys_created_by=request.state.user.user_name,
        )
        self._instance.contents[row["sys_id"]] = content
        location = f"{self._instance.base_url}/api/now/attachment/{row['sys_id']}/file"
        return JSONResponse({"result": self._shown(request, row)}, 201, {"Location": location})

    async def attachment(self, request: Request) -> Response:
        row = self._find(request)
        if request.method == "DELETE":
            rules.check_write(request.state.user, row["table_name"], "Update")
            self._instance.delete(_TABLE, row["sys_id"])
            self._instance.contents.pop(row["sys_id"], None)
            return Response(status_code=204)
        return JSONResponse({"result": self._shown(request, row)})

    async def download(self, request: Request) -> Response:
        row = self._find(request)
        return Response(
            self._instance.contents[row["sys_id"]],
            media_type=row["content_type"],
            headers={
                "X-Attachment-Metadata": json.dumps(
                    {name: row[name] for name in ("sys_id", "file_name", "size_bytes", "hash")}
                ),
                "Content-Disposition": "attachment",
            },
        )

    def _find(self, request: Request) -> "Row":
        row = self._instance.find(_TABLE, request.path_params["sys_id"])
        if row is None or not rules.may_read(request.state.user, row["table_name"]):
            raise ApiError(
                404, "No Record found", "Record doesn't exist or ACL restricts the record retrieval"
            )
        return row

    def _shown(self, request: Request, row: "Row") -> dict[str, object]:
        return render(self._instance, require(_TABLE), row, View.of(request.query_params))
