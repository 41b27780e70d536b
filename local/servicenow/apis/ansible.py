"""The API of Red Hat's certified application for Ansible, which moves problems through states.

Instances have it once the application is installed (`x_rhtpp_ansible`).
"""

from typing import TYPE_CHECKING

from .. import wire
from ..errors import ApiError, Message
from ..records import View, render
from ..rules.problem import TRANSITIONS
from .routing import Routes

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from ..instance import Instance


def routes(instance: "Instance") -> Routes:
    """Return the API's endpoints below `/api/x_rhtpp_ansible/problem`."""

    async def move(request: "Request") -> "Response":
        number, state = request.path_params["number"], request.path_params["state"]
        row = instance.first("problem", number=number)
        if row is None or not instance.may_read(request.state.account, "problem"):
            raise ApiError(404, Message("No problem with number {0} exists.", (number,)), "")
        if state not in TRANSITIONS:
            raise ApiError(400, Message("Given new state {0} is not a valid state.", (state,)), "")
        if state not in TRANSITIONS[row["state"]]:
            text = "Problem state transition from state {0} to {1} is not possible."
            raise ApiError(400, Message(text, (row["state"], state)), "")
        sent = await wire.read_record(request, instance.body_limit)
        moved = {**sent, "state": state, "problem_state": state}
        row = instance.update("problem", row, moved, request.state.account)
        table = instance.schema.table("problem")
        return wire.respond(
            request, {"result": render(instance, table, row, View.of(instance, request))}
        )

    return {"/{number}/new_state/{state}": {"PATCH": move}}
