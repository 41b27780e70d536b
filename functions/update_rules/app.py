"""PUT /api/servicenow/rules and /notices: replace the calling user's rules, or the address."""

from typing import Annotated

from aws_lambda_powertools.event_handler import Response

from actionsync.http.api import ExpectedVersion, entrypoint, http_api, json_body, ok
from actionsync.rules import addresses
from actionsync.rules.addresses import NoticeAddress
from actionsync.rules.models import Rules, document
from actionsync.rules.service import document_of
from actionsync.wiring import stores
from actionsync.wiring.callers import Editor, limit_sign_ins

app = http_api()


@app.put("/api/servicenow/rules")
def update_rules(
    caller: Editor,
    new: Annotated[Rules, json_body(Rules)],
    expected_version: ExpectedVersion,
) -> Response[str]:
    """Answer 200 with the rules, or 412 where If-Match names an older version.

    ServiceNow is not asked: `POST /api/servicenow/rules/check` says what it objects to in them,
    such as a column, a group or a value that it does not have.
    """
    text = document(new)
    with caller.recorded("rules_changed", new.model_fields_set) as record:
        stored = stores.rule_store().save(caller.owner, text, expected_version)
        record["after"] = {"version": stored.version}
    return ok(document_of(stored), version=stored.version)


@app.put("/api/servicenow/notices")
def update_notices(
    caller: Editor, new: Annotated[NoticeAddress, json_body(NoticeAddress)]
) -> Response[str]:
    """Answer 200 with the address to which notices go, once it is confirmed."""
    limit_sign_ins(caller.user_id)  # each may send somebody a message
    with caller.recorded("notices_changed", new.model_fields_set):
        saved = addresses.save(stores.address_store(), caller.owner, caller.user_id, new)
    return ok(saved)


lambda_handler = entrypoint(app)
