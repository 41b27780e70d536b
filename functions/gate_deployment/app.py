"""POST and GET /api/servicenow/gates, and GET /api/servicenow/gates/{id}."""

from typing import Annotated

from aws_lambda_powertools.event_handler import Response

from actionsync.events.gates import requests
from actionsync.events.gates.requests import GateQuery, NewGate, document
from actionsync.http.api import Host, created, entrypoint, http_api, json_body, ok, query
from actionsync.wiring import gates, stores
from actionsync.wiring.callers import Member, WritingMember

app = http_api()


@app.post("/api/servicenow/gates")
def open_(
    caller: WritingMember, host: Host, new: Annotated[NewGate, json_body(NewGate)]
) -> Response[str]:
    """Answer 201 with the deployment's gate: a new one, or the one that there is."""
    gate = gates.open_gate(caller.owner, new)
    return created(document(gate, host), retry_after=requests.retry_after(gate))


@app.get("/api/servicenow/gates")
def list_(
    caller: Member, host: Host, asked: Annotated[GateQuery, query(GateQuery)]
) -> Response[str]:
    """Answer 200 with a page of gates and the cursor of the next."""
    return ok(requests.page(caller.owner, asked, stores.gate_store(), host))


@app.get("/api/servicenow/gates/<gate_id>")
def get(gate_id: str, caller: Member, host: Host) -> Response[str]:
    """Answer 200 with a gate; while it waits, with when to look again."""
    gate = requests.find_gate(caller.owner, gate_id, stores.gate_store())
    return ok(document(gate, host), retry_after=requests.retry_after(gate))


lambda_handler = entrypoint(app)
