"""GET /api/servicenow/rules: the calling user's rules for events."""

from aws_lambda_powertools.event_handler import Response

from actionsync.http.api import UserId, entrypoint, http_api, ok
from actionsync.rules.service import document_of
from actionsync.wiring import stores

app = http_api()


@app.get("/api/servicenow/rules")
def get_rules(owner: UserId) -> Response[str]:
    """Answer 200 with the rules, defaults filled in, and their ETag."""
    stored = stores.rule_store().get(owner)
    return ok(document_of(stored), version=stored.version)


lambda_handler = entrypoint(app)
