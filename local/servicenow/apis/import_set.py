"""The Import Set API (documentation: Import Set API): staged rows become records at once."""

from typing import TYPE_CHECKING, Any

from .. import wire
from ..errors import ApiError, invalid_table, no_record
from ..languages import translator
from ..rules import check_write
from ..values import as_text
from .routing import Routes, readable

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from ..instance import Instance
    from ..schema import Table
    from ..store import Row


def routes(instance: "Instance") -> Routes:
    """Return the API's endpoints below `/api/now/import`."""
    api = _ImportSetApi(instance)
    return {
        "/{table}": {"POST": api.insert},
        "/{table}/insertMultiple": {"POST": api.insert_multiple},
        "/{table}/{sys_id}": {"GET": api.read},
    }


class _ImportSetApi:
    def __init__(self, instance: "Instance") -> None:
        self._instance = instance

    async def insert(self, request: "Request") -> "Response":
        table = self._staging(request)
        sent = await wire.read_record(request, self._instance.body_limit)
        check_write(self._instance.schema, request.state.account, table.name, "Insert")
        staged = self._stage(request, table, self._new_set(table), [sent])[0]
        self._transform(request, table, staged)
        return wire.respond(request, self._shown(table, staged["sys_id"]), 201)

    async def insert_multiple(self, request: "Request") -> "Response":
        table = self._staging(request)
        sent = await wire.read(request, self._instance.body_limit)
        records = sent.get("records") if isinstance(sent, dict) else None
        if not isinstance(records, list) or not all(isinstance(row, dict) for row in records):
            raise ApiError(400, "Exception while reading request", "records is missing")
        check_write(self._instance.schema, request.state.account, table.name, "Insert")
        import_set = self._new_set(table)
        for staged in self._stage(request, table, import_set, records):
            self._transform(request, table, staged)
        return wire.respond(
            request,
            {"import_set_id": import_set["sys_id"], "multi_import_set_id": import_set["sys_id"]},
            201,
        )

    async def read(self, request: "Request") -> "Response":
        table = self._staging(request)
        row = readable(self._instance, request, table.name, request.path_params["sys_id"])
        return wire.respond(request, self._shown(table, row["sys_id"]))

    def _staging(self, request: "Request") -> "Table":
        name = request.path_params["table"]
        table = self._instance.schema.table(name)
        if "sys_import_set_row" not in self._instance.schema.lineage(name)[1:]:
            raise invalid_table(name)
        return table

    def _new_set(self, table: "Table") -> "Row":
        return self._instance.put(
            "sys_import_set",
            table_name=table.name,
            state="processed",
            load_completed=self._instance.now(),
        )

    def _stage(
        self, request: "Request", table: "Table", import_set: "Row", records: list[dict[str, Any]]
    ) -> "list[Row]":
        return [
            self._instance.put(
                table.name,
                **{
                    name: as_text(value)
                    for name, value in record.items()
                    if name in table.columns and not name.startswith("sys_")
                },
                sys_import_set=import_set["sys_id"],
                sys_import_row=str(number),
                sys_created_by=request.state.account.user_name,
            )
            for number, record in enumerate(records)
        ]

    def _transform(self, request: "Request", table: "Table", staged: "Row") -> None:
        """Make or change the record that a staged row stands for, and note what came of it."""
        instance = self._instance
        transform = instance.first("sys_transform_map", source_table=table.name, active="true")
        if transform is None:
            self._note(table, staged, "ignored", "No transform map", {})
            return
        entries = [
            entry for entry in instance.rows("sys_transform_entry")
            if entry["map"] == transform["sys_id"]
        ]  # fmt: skip
        values = {
            entry["target_field"]: staged[entry["source_field"]]
            for entry in entries
            if staged.get(entry["source_field"])
        }
        coalesce = [entry["target_field"] for entry in entries if entry["coalesce"] == "true"]
        key = {name: values[name] for name in coalesce if name in values}
        target = transform["target_table"]
        known = instance.first(target, **key) if key else None
        done = {"sys_target_table": target, "sys_transform_map": transform["sys_id"]}
        try:
            if known is None:
                row = instance.insert(target, values, request.state.account, display_input=True)
                state = "inserted"
            else:
                row = instance.update(
                    target, known, values, request.state.account, display_input=True
                )
                same = row["sys_mod_count"] == known["sys_mod_count"]
                state = "ignored" if same else "updated"
        except ApiError as error:
            language = instance.reader(request.state.account).language
            self._note(table, staged, "error", error.text(translator(language)), done)
        else:
            self._note(table, staged, state, "", {**done, "sys_target_sys_id": row["sys_id"]})

    def _note(
        self, table: "Table", staged: "Row", state: str, comment: str, done: dict[str, str]
    ) -> None:
        self._instance.change(
            table.name,
            staged["sys_id"],
            sys_import_state=state,
            sys_import_state_comment=comment,
            **done,
        )

    def _shown(self, table: "Table", sys_id: str) -> dict[str, Any]:
        instance = self._instance
        staged = instance.find(table.name, sys_id)
        import_set = staged and instance.find("sys_import_set", staged["sys_import_set"])
        if staged is None or import_set is None:
            raise no_record()
        transform = instance.find("sys_transform_map", staged["sys_transform_map"])
        result: dict[str, str] = {
            "transform_map": "" if transform is None else transform["name"],
            "table": staged["sys_target_table"],
        }
        if target := staged["sys_target_sys_id"]:
            definition = instance.schema.table(staged["sys_target_table"])
            row = instance.find(definition.name, target)
            result |= {
                "display_name": definition.display,
                "display_value": "" if row is None else row[definition.display],
                "record_link": f"{instance.base_url}/api/now/table/{definition.name}/{target}",
                "sys_id": target,
            }
        result["status"] = staged["sys_import_state"]
        if staged["sys_import_state"] == "error":
            result["error_message"] = staged["sys_import_state_comment"]
        elif staged["sys_import_state_comment"]:
            result["status_message"] = staged["sys_import_state_comment"]
        return {
            "import_set": import_set["number"],
            "staging_table": table.name,
            "result": [result],
        }
