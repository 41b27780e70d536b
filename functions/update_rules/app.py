"""PUT /api/servicenow/rules: replace the calling user's rules."""

from typing import Annotated

from aws_lambda_powertools.event_handler import Response

from actionsync.http.activity import Activity, change
from actionsync.http.api import ExpectedVersion, api, entrypoint, json_body, ok
from actionsync.http.events import StoredRulesOfUsers, view
from actionsync.http.writers import WriterId
from actionsync.rules.models import Rules, document

app = api()


@app.put("/api/servicenow/rules")
def update_rules(
    user_id: WriterId,
    new: Annotated[Rules, json_body(Rules)],
    expected_version: ExpectedVersion,
    rules: StoredRulesOfUsers,
    activity: Activity,
) -> Response[str]:
    """Answer 200 with the rules, or 412 where If-Match names an older version."""
    text = document(new)
    with activity.around(user_id, change("rules_changed", new.model_fields_set)) as record:
        stored = rules.save(user_id, text, expected_version)
        record["after"] = {"version": stored.version}
    return ok(view(stored), version=stored.version)


lambda_handler = entrypoint(app)
