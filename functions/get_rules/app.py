"""GET /api/servicenow/rules and /notices: the calling user's rules, and where notices go."""

from aws_lambda_powertools.event_handler import Response

from actionsync.http.api import entrypoint, http_api, ok
from actionsync.rules import addresses
from actionsync.rules.service import document_of
from actionsync.wiring import stores
from actionsync.wiring.callers import Member

app = http_api()


@app.get("/api/servicenow/rules")
def get_rules(caller: Member) -> Response[str]:
    """Answer 200 with the rules, defaults filled in, and their ETag."""
    stored = stores.rule_store().get(caller.owner)
    return ok(document_of(stored), version=stored.version)


@app.get("/api/servicenow/notices")
def get_notices(caller: Member) -> Response[str]:
    """Answer 200 with the address to which notices go."""
    store = stores.address_store()
    return ok(addresses.document(store, store.get(caller.owner)))


lambda_handler = entrypoint(app)
