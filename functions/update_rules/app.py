"""PUT /api/servicenow/rules: replace the calling user's rules."""

from typing import Annotated

from aws_lambda_powertools.event_handler import Response

from actionsync.http.api import ExpectedVersion, entrypoint, http_api, json_body, ok
from actionsync.rules.models import Rules, document
from actionsync.rules.service import document_of
from actionsync.wiring import stores
from actionsync.wiring.callers import Editor

app = http_api()


@app.put("/api/servicenow/rules")
def update_rules(
    caller: Editor,
    new: Annotated[Rules, json_body(Rules)],
    expected_version: ExpectedVersion,
) -> Response[str]:
    """Answer 200 with the rules, or 412 where If-Match names an older version."""
    text = document(new)
    with caller.recorded("rules_changed", new.model_fields_set) as record:
        stored = stores.rule_store().save(caller.owner, text, expected_version)
        record["after"] = {"version": stored.version}
    return ok(document_of(stored), version=stored.version)


lambda_handler = entrypoint(app)
