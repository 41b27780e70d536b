"""GET /api/servicenow/rules: what the calling user wants made of events."""

from aws_lambda_powertools.event_handler import Response

from actionsync.http.api import UserId, api, entrypoint, ok
from actionsync.http.events import StoredRulesOfUsers, view

app = api()


@app.get("/api/servicenow/rules")
def get_rules(user_id: UserId, rules: StoredRulesOfUsers) -> Response[str]:
    """Answer 200 with the rules, defaults filled in, and their ETag."""
    stored = rules.get(user_id)
    return ok(view(stored), version=stored.version)


lambda_handler = entrypoint(app)
