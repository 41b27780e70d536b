"""The Change Management API (documentation: Change Management API).

Not the Table API in other clothes: POST answers 200, DELETE answers the deleted record, every
field is `{value, display_value}` with typed values, and `__meta.ignoredFields` names what was not
applied.
"""

from typing import TYPE_CHECKING, Any

from .. import wire
from ..errors import ApiError, Message
from ..languages import translator
from ..rules.change import reachable, template_values
from . import change_conflicts, change_items
from .change_records import Changes, answer, shown
from .routing import Routes, number
from .table import query_of

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from ..instance import Instance
    from ..store import Row

_DEFAULT_LIMIT = 500
_KINDS = ("normal", "emergency", "standard")


def routes(instance: "Instance") -> Routes:
    """Return the API's endpoints below `/api/sn_chg_rest/change`."""
    api = _ChangeApi(instance)
    found: Routes = {
        "": {"GET": api.find, "POST": api.create},
        "/standard/template": {"GET": api.templates},
        "/standard/template/{template}": {"GET": api.template},
        "/model": {"GET": api.models},
        "/model/{model}": {"GET": api.model},
        **change_conflicts.fixed_routes(instance),
    }
    for kind in _KINDS:
        found[f"/{kind}"] = {"GET": api.find_kind(kind)}
        # A standard change is made from a template, which the path names.
        if kind == "standard":
            found[f"/{kind}/{{sys_id}}"] = {"POST": api.create_standard}
            found[f"/{kind}/{{sys_id}}/risk"] = {"PATCH": api.calculate_risk}
        else:
            found[f"/{kind}"]["POST"] = api.create_kind(kind)
            found[f"/{kind}/{{sys_id}}"] = {}
        found[f"/{kind}/{{sys_id}}"] |= {
            "GET": api.read, "PATCH": api.update, "DELETE": api.delete,
        }  # fmt: skip
    return {
        **found,
        "/{sys_id}": {"GET": api.read, "PATCH": api.update, "DELETE": api.delete},
        "/{sys_id}/nextstates": {"GET": api.next_states},
        "/{sys_id}/approvals": {"GET": api.approvals, "PATCH": api.decide},
        **change_items.routes(instance),
        **change_conflicts.routes(instance),
    }


class _ChangeApi:
    def __init__(self, instance: "Instance") -> None:
        self._instance = instance
        self._changes = Changes(instance)

    # ---- changes

    async def find(self, request: "Request") -> "Response":
        return self._found(request, "change_request")

    def find_kind(self, kind: str) -> Any:
        async def find(request: "Request") -> "Response":
            return self._found(request, "change_request", f"type={kind}")

        return find

    def _found(self, request: "Request", table: str, condition: str = "") -> "Response":
        instance, parameters = self._instance, request.query_params
        definition = instance.schema.table(table)
        # The parameter `order` names what to sort by, though tasks have such a column, too.
        own = (definition.columns.keys() & parameters.keys()) - {"order"}
        query = parameters.get("sysparm_query") or query_of(
            instance,
            definition,
            type(parameters)([(name, parameters[name]) for name in own]),
        )
        words = parameters.get("textSearch", "")
        search = f"123TEXTQUERY321={words}" if words else ""
        order = parameters.get("order", definition.display)
        query = "^".join(part for part in (condition, search, query, f"ORDERBY{order}") if part)
        account = request.state.account
        found = instance.visible(account, table, instance.search(table, query, account))
        offset = number(request, "sysparm_offset", 0)
        page = found[offset : offset + number(request, "sysparm_limit", _DEFAULT_LIMIT)]
        return wire.respond(
            request,
            {"result": [shown(instance, request, table, row) for row in page]},
            headers={"X-Total-Count": str(len(found))},
        )

    async def create(self, request: "Request") -> "Response":
        return await self._create(request, {})

    def create_kind(self, kind: str) -> Any:
        async def create(request: "Request") -> "Response":
            return await self._create(request, {"type": kind})

        return create

    async def create_standard(self, request: "Request") -> "Response":
        template = self._instance.find("std_change_record_producer", request.path_params["sys_id"])
        version = template and self._instance.first(
            "std_change_producer_version", std_change_producer=template["sys_id"]
        )
        if version is None:
            raise ApiError(404, "Standard Change Template not found", "")
        values = template_values(self._instance, version)
        return await self._create(
            request, {**values, "std_change_producer_version": version["sys_id"]}
        )

    async def _create(self, request: "Request", fixed: dict[str, str]) -> "Response":
        sent = await self._changes.values(request)
        kind = {"type": fixed["type"]} if "type" in fixed else {}
        row = self._instance.insert(
            "change_request", {**fixed, **sent, **kind}, request.state.account
        )
        return answer(self._instance, request, "change_request", row, sent)

    async def read(self, request: "Request") -> "Response":
        row = self._changes.find(request)
        return wire.respond(
            request, {"result": shown(self._instance, request, "change_request", row)}
        )

    async def update(self, request: "Request") -> "Response":
        row = self._changes.find(request)
        sent = await self._changes.values(request)
        try:
            row = self._instance.update("change_request", row, sent, request.state.account)
        except ApiError as error:
            message = Message(
                "Change Request record could not be updated. {0}",
                (error.text(self._translate(request)),),
            )
            raise ApiError(error.status, message, "") from None
        return answer(self._instance, request, "change_request", row, sent)

    async def delete(self, request: "Request") -> "Response":
        row = self._changes.find(request)
        self._changes.check_delete(request)
        self._instance.delete("change_request", row["sys_id"])
        return wire.respond(
            request, {"result": shown(self._instance, request, "change_request", row)}
        )

    def _translate(self, request: "Request") -> Any:
        return translator(self._instance.reader(request.state.account).language)

    async def next_states(self, request: "Request") -> "Response":
        row = self._changes.find(request)
        following = reachable(self._instance, row)
        language = self._instance.reader(request.state.account).language
        labels = self._instance.choice_labels("change_request", "state", language)
        transitions = [
            [
                {
                    "sys_id": f"{index:032x}",
                    "display_value": f"{labels[row['state']]} to {labels[state]}",
                    "from_state": row["state"],
                    "to_state": state,
                    "transition_available": True,
                    "automatic_transition": False,
                    "conditions": [],
                }
            ]
            for index, state in enumerate(following)
        ]
        return wire.respond(
            request,
            {
                "result": {
                    "available_states": [row["state"], *following],
                    "state_transitions": transitions,
                    "state_label": {state: labels[state] for state in (row["state"], *following)},
                }
            },
        )

    # ---- approvals

    async def approvals(self, request: "Request") -> "Response":
        return self._approvals_of(request, self._changes.find(request))

    async def decide(self, request: "Request") -> "Response":
        row = self._changes.find(request)
        state = str((await self._changes.values(request)).get("state", ""))
        if state not in {"approved", "rejected"}:
            raise ApiError(400, "state must be approved or rejected", "")
        for approval in self._instance.rows("sysapproval_approver"):
            if approval["sysapproval"] == row["sys_id"] and approval["state"] == "requested":
                self._instance.update(
                    "sysapproval_approver", approval, {"state": state}, request.state.account
                )
        return self._approvals_of(request, row)

    def _approvals_of(self, request: "Request", change: "Row") -> "Response":
        table = "sysapproval_approver"
        found = [
            shown(self._instance, request, table, row)
            for row in self._instance.rows(table)
            if row["sysapproval"] == change["sys_id"]
        ]
        return wire.respond(request, {"result": found})

    # ---- what changes are made from

    async def templates(self, request: "Request") -> "Response":
        return self._found(request, "std_change_record_producer", "active=true")

    async def template(self, request: "Request") -> "Response":
        return self._one(
            request, "std_change_record_producer", "template", "Standard Change Template not found"
        )

    async def models(self, request: "Request") -> "Response":
        return self._found(request, "chg_model", "active=true")

    async def model(self, request: "Request") -> "Response":
        return self._one(request, "chg_model", "model", "Change Model not found")

    def _one(self, request: "Request", table: str, parameter: str, missing: str) -> "Response":
        row = self._instance.find(table, request.path_params[parameter])
        if row is None:
            raise ApiError(404, missing, "")
        return wire.respond(request, {"result": shown(self._instance, request, table, row)})

    async def calculate_risk(self, request: "Request") -> "Response":
        """PATCH evaluates the risk conditions; here a change for a critical service is risky."""
        row = self._changes.find(request)
        item = self._instance.find("cmdb_ci", row["cmdb_ci"])
        critical = item is not None and item.get("busines_criticality", "").startswith("1")
        row = self._instance.update(
            "change_request",
            row,
            {"risk": "2" if critical else "4", "impact": "2" if critical else "3"},
            request.state.account,
        )
        return wire.respond(
            request, {"result": shown(self._instance, request, "change_request", row)}
        )
