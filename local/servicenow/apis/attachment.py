"""The Attachment API (documentation: Attachment API)."""

import hashlib
import json
import zlib
from email import message_from_bytes, policy
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from starlette.responses import Response

from .. import wire
from ..errors import ApiError, no_record
from ..records import View, render
from ..rules import check_write
from .routing import Routes, number, version_path
from .table import page_headers, query_of

if TYPE_CHECKING:
    from email.message import Message

    from starlette.requests import Request

    from ..instance import Instance
    from ..store import Row

_TABLE = "sys_attachment"
_DEFAULT_LIMIT = 1000
_CHUNK = "700000"


def routes(instance: "Instance") -> Routes:
    """Return the API's endpoints below `/api/now/attachment`."""
    api = _AttachmentApi(instance)
    return {
        "": {"GET": api.find},
        "/file": {"POST": api.upload},
        "/upload": {"POST": api.upload_form},
        "/{sys_id}": {"GET": api.read, "PATCH": api.rename, "DELETE": api.delete},
        "/{sys_id}/file": {"GET": api.download},
        "/{sys_id}/attributes": {"GET": api.attributes, "POST": api.add_attribute},
    }


class _AttachmentApi:
    def __init__(self, instance: "Instance") -> None:
        self._instance = instance

    async def find(self, request: "Request") -> Response:
        table = self._instance.schema.table(_TABLE)
        query = query_of(self._instance, table, request.query_params)
        account = request.state.account
        found = [
            row
            for row in self._instance.search(_TABLE, query, account)
            if self._may_read(request, row)
        ]
        limit = number(request, "sysparm_limit", _DEFAULT_LIMIT)
        offset = number(request, "sysparm_offset", 0)
        return wire.respond(
            request,
            {"result": [self._shown(request, row) for row in found[offset : offset + limit]]},
            headers=page_headers(self._instance, request, limit, offset, len(found)),
        )

    async def upload(self, request: "Request") -> Response:
        parameters = request.query_params
        content_type = request.headers.get("content-type", "application/octet-stream")
        return await self._store(request, parameters, content_type, await request.body())

    async def upload_form(self, request: "Request") -> Response:
        """POST with the parts of a form: names first, the file last."""
        fields, files = _parts(request.headers.get("content-type", ""), await request.body())
        if not files:
            raise ApiError(400, "Exception while reading request", "The form has no file")
        file = files[-1]
        names = {"file_name": file.get_filename() or "", **fields}
        content: Any = file.get_payload(decode=True)
        return await self._store(request, names, file.get_content_type(), content)

    async def _store(
        self, request: "Request", names: Any, content_type: str, content: bytes
    ) -> Response:
        instance = self._instance
        missing = [
            name for name in ("table_name", "table_sys_id", "file_name") if not names.get(name)
        ]
        if missing:
            raise ApiError(400, "Missing parameter", f"{', '.join(missing)} is mandatory")
        table = instance.schema.table(names["table_name"]).name
        target = instance.find(table, names["table_sys_id"])
        if target is None:
            raise no_record()
        check_write(instance.schema, request.state.account, table, "Update")
        if len(content) > instance.attachment_limit:
            raise ApiError(413, "File size exceeds the maximum", "com.glide.attachment.max_size")
        user_name = request.state.account.user_name
        row = instance.put(
            _TABLE,
            file_name=names["file_name"],
            table_name=table,
            table_sys_id=target["sys_id"],
            content_type=content_type,
            size_bytes=str(len(content)),
            size_compressed=str(len(zlib.compress(content))),
            compressed="true",
            chunk_size_bytes=_CHUNK,
            state="pending",
            hash=hashlib.sha256(content).hexdigest(),
            sys_created_by=user_name,
            sys_updated_by=user_name,
        )
        instance.state.contents[row["sys_id"]] = content
        location = f"{instance.base_url}{version_path(request, 'attachment')}/{row['sys_id']}/file"
        return wire.respond(
            request, {"result": self._shown(request, row)}, 201, {"Location": location}
        )

    async def read(self, request: "Request") -> Response:
        return wire.respond(request, {"result": self._shown(request, self._find(request))})

    async def rename(self, request: "Request") -> Response:
        row = self._find(request)
        sent = await wire.read_record(request, self._instance.body_limit)
        if not sent.get("file_name"):
            raise ApiError(400, "Missing parameter", "file_name is mandatory")
        self._check_write(request, row)
        self._instance.change(
            _TABLE,
            row["sys_id"],
            file_name=str(sent["file_name"]),
            sys_updated_by=request.state.account.user_name,
            sys_updated_on=self._instance.now(),
            sys_mod_count=str(int(row["sys_mod_count"]) + 1),
        )
        return Response(status_code=204)

    async def delete(self, request: "Request") -> Response:
        row = self._find(request)
        self._check_write(request, row)
        self._instance.delete(_TABLE, row["sys_id"])
        return Response(status_code=204)

    async def download(self, request: "Request") -> Response:
        row = self._find(request)
        shown = self._shown(request, row)
        shown.pop("download_link")
        return Response(
            self._instance.state.contents[row["sys_id"]],
            media_type=row["content_type"],
            headers={
                "X-Attachment-Metadata": json.dumps(shown),
                "Content-Disposition": f"attachment; filename*=UTF-8''{quote(row['file_name'])}",
            },
        )

    async def attributes(self, request: "Request") -> Response:
        sys_id = self._find(request)["sys_id"]
        found = [
            {"key": row["key"], "value": row["value"]}
            for row in self._instance.rows("sys_attachment_attribute")
            if row["attachment"] == sys_id
        ]
        return wire.respond(request, {"result": found})

    async def add_attribute(self, request: "Request") -> Response:
        row = self._find(request)
        sent = await wire.read_record(request, self._instance.body_limit)
        if not {"key", "value"} <= set(sent):
            raise ApiError(400, "Missing parameter", "key and value are mandatory")
        pair = {"key": str(sent["key"]), "value": str(sent["value"])}
        self._check_write(request, row)
        self._instance.put("sys_attachment_attribute", attachment=row["sys_id"], **pair)
        return wire.respond(request, {"result": pair}, 201)

    def _find(self, request: "Request") -> "Row":
        row = self._instance.find(_TABLE, request.path_params["sys_id"])
        if row is None or not self._may_read(request, row):
            raise no_record()
        return row

    def _may_read(self, request: "Request", row: "Row") -> bool:
        """Return whether the user may read the record that a file belongs to."""
        return row["table_name"] in self._instance.schema and self._instance.may_read(
            request.state.account, row["table_name"]
        )

    def _check_write(self, request: "Request", row: "Row") -> None:
        account = request.state.account
        check_write(self._instance.schema, account, row["table_name"], "Update")

    def _shown(self, request: "Request", row: "Row") -> dict[str, Any]:
        table = self._instance.schema.table(_TABLE)
        shown = render(self._instance, table, row, View.of(self._instance, request))
        path = version_path(request, "attachment")
        shown["download_link"] = f"{self._instance.base_url}{path}/{row['sys_id']}/file"
        return shown


def _parts(content_type: str, body: bytes) -> "tuple[dict[str, str], list[Message]]":
    """Return the fields and the files of a multipart form."""
    message = message_from_bytes(
        f"Content-Type: {content_type}\r\n\r\n".encode() + body, policy=policy.HTTP
    )
    if not message.is_multipart():
        raise ApiError(415, "Unsupported media type", "The form is not multipart/form-data")
    fields: dict[str, str] = {}
    files: list[Message] = []
    for part in message.iter_parts():
        name = part.get_param("name", header="content-disposition")
        if part.get_filename() is None:
            content: Any = part.get_payload(decode=True)
            fields[str(name)] = content.decode("utf-8", "replace").strip()
        else:
            files.append(part)
    return fields, files
