"""Within a table a function reaches its own kinds of items alone.

Neither the local cloud nor moto looks at `dynamodb:LeadingKeys`, as DynamoDB does for each request
(IAM user guide: Using IAM policy conditions for fine-grained access control). So each function's
policy is asked about each kind of item, by the evaluation of policies that the local cloud has.
"""

import json
import subprocess
from functools import cache
from typing import Any

import pytest

from local.cloud import TOOLS
from tests.template import functions, leading_keys, statements

# Each kind of items of the tables that have several, by the key of one.
ITEMS = {
    "ConnectionsTable": ["CONNECTION#ada", "TEAMS#stack", "OTHER#ada"],
    "EventsTable": [
        "CORRELATION#error:ada:checkout", "GATE#ada", "NOTICES#ada", "OWNERS#123456789012",
        "PAUSE#CONNECTION#7", "PIPELINES#ada", "RECENT#OWNER#ada", "RECIPES#ada", "RULES#ada",
        "TICKET#7", "WEBHOOK#0123456789abcdef", "WEBHOOKS#ada", "OTHER#ada",
    ],
    "IdempotencyTable": [
        "RATE#writes#ada#7", "SIGN-IN#x", "WEBHOOK#0123456789abcdef#x", "WRITE#x", "OTHER#x",
    ],
}  # fmt: skip
ACTIONS = [
    "GetItem", "BatchGetItem", "Query", "PutItem", "UpdateItem", "DeleteItem", "BatchWriteItem",
    "PartiQLSelect", "PartiQLUpdate",
]  # fmt: skip
ARN = "arn:aws:dynamodb:us-east-1:123456789012:table/"
# The local cloud's own evaluation, in its own environment.
PROGRAM = """
import json, sys
from ministack.core.iam_evaluator import EvalContext, evaluate, parse_policy_document

asked = json.load(sys.stdin)
print(json.dumps([
    evaluate(
        EvalContext(
            principal_arn="arn:aws:iam::123456789012:role/x", principal_type="AssumedRole",
            principal_account="123456789012", action=action, resource_arn=resource,
            region="us-east-1", service_context={"dynamodb:leadingkeys": keys},
        ),
        [parse_policy_document(policy)],
    ).decision == "Allow"
    for policy, action, resource, keys in asked
]))
"""


OF_EVENTS = {"CORRELATION", "PAUSE", "PIPELINES", "RECENT", "RULES", "TICKET"}
# The kinds of items of the table of events that a function's job is about; of most that call
# ServiceNow, the pauses alone.
EXPECTED = {
    "receive_webhook": {"CORRELATION", "RECIPES", "WEBHOOK", "RULES", "RECENT", "TICKET"},
    "create_webhook": {"WEBHOOK", "WEBHOOKS"},
    "update_webhook": {"WEBHOOK", "WEBHOOKS"},
    "delete_webhook": {"WEBHOOK", "WEBHOOKS"},
    "list_webhooks": {"WEBHOOKS", "RECENT"},
    "send_delivery_again": {"WEBHOOKS", "RECENT"},
    "answer_assistant": {"PAUSE", "RECENT", "TICKET"},
    "gate_deployment": {"GATE"},
    # Who discards what is missing marks that.
    "test_connection": {"PAUSE", "TICKET"},
    "get_rules": {"NOTICES", "RULES"},
    "update_rules": {"NOTICES", "RULES"},
    "preview_rules": {"CORRELATION", "RECIPES", "RULES", "PAUSE", "RECENT"},
    "discard_unfinished_event": {"CORRELATION"},
    "list_recipes": {"RECIPES"},
    "update_recipe": {"RECIPES"},
    # Who writes records makes rows of tickets, or notes changes there.
    **{
        folder: {"PAUSE", "TICKET"}
        for folder, properties in functions().items()
        if properties.get("Role")
        in ({"Fn::GetAtt": "RecordWriterRole.Arn"}, {"Fn::GetAtt": "RecordChangerRole.Arn"})
    },
    "on_meeting": OF_EVENTS,
    "on_alarm": {*OF_EVENTS, "OWNERS"},
    "on_deployment": {*OF_EVENTS, "GATE", "OWNERS"},
    # Where AWS's own events and the elements of webhooks come, too.
    "on_error": {*OF_EVENTS, "GATE", "OWNERS", "RECIPES"},
    "on_event": {*OF_EVENTS, "GATE", "NOTICES", "OWNERS", "RECIPES"},
}


def allowed(table: str, questions: list[tuple[str, str, list[str]]]) -> list[bool]:
    """Return, for each question, whether a function may do an action with these items."""
    asked = [
        (_policy(folder, table), f"dynamodb:{action}", ARN + table, keys)
        for folder, action, keys in questions
    ]
    done = subprocess.run(  # noqa: S603 - our own tools
        [TOOLS / "ministack/bin/python", "-c", PROGRAM],
        input=json.dumps(asked), capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip
    answers: list[bool] = json.loads(done.stdout)
    return answers


def _policy(folder: str, table: str) -> dict[str, Any]:
    own = [
        {**statement, "Resource": ARN + table}
        for statement in statements(folder)
        if statement["Resource"] == {"Fn::GetAtt": f"{table}.Arn"}
    ]
    return {"Version": "2012-10-17", "Statement": own}


@cache
def reached(table: str) -> dict[str, dict[str, set[str]]]:
    """Return the kinds of items that functions reach, with the actions by which they do."""
    folders = [folder for folder in functions() if _policy(folder, table)["Statement"]]
    questions = [
        (folder, action, [key]) for folder in folders for action in ACTIONS for key in ITEMS[table]
    ]
    found: dict[str, dict[str, set[str]]] = {folder: {} for folder in folders}
    answers = allowed(table, questions)
    for (folder, action, (key,)), is_allowed in zip(questions, answers, strict=True):
        if is_allowed:
            found[folder].setdefault(key.partition("#")[0], set()).add(action)
    return found


def test_a_function_reaches_its_own_kinds_of_items() -> None:
    """All of these by some action, and others by none; rules are one function's to write."""
    found = reached("EventsTable")
    assert {folder: set(kinds) for folder, kinds in found.items()} == {
        folder: EXPECTED.get(folder, {"PAUSE"}) for folder in found
    }
    writers = {folder for folder, kinds in found.items() if kinds.get("RULES", set()) - {"GetItem"}}
    assert writers == {"update_rules"}


def test_nobody_but_the_connections_functions_changes_one_and_none_a_team() -> None:
    """A team is written by who runs the stack; connections by their own functions."""
    found = reached("ConnectionsTable")
    reads = {"GetItem", "Query"}
    assert all(
        "OTHER" not in kinds and kinds.get("TEAMS", set()) <= reads for kinds in found.values()
    )
    writers = {folder for folder, kinds in found.items() if kinds.get("CONNECTION", set()) - reads}
    assert writers == {
        "create_config", "update_config", "delete_config", "rotate_secret", "sign_in_connection",
    }  # fmt: skip


def test_only_who_writes_tickets_reaches_answers_stored_for_keys() -> None:
    """Who only counts a request does no more than that."""
    found = reached("IdempotencyTable")
    others = {"on_error", "on_meeting", "on_event", "answer_assistant"}
    roles = [functions()[name]["Role"] for name in ("create_incident", "update_incident")]
    writers = {folder for folder in found if functions()[folder].get("Role") in roles}
    assert {folder for folder, kinds in found.items() if "WRITE" in kinds} == {*writers, *others}
    assert {folder for folder, kinds in found.items() if "WEBHOOK" in kinds} == {
        folder for folder in found if folder.startswith("receive_")
    }
    for kinds in found.values():
        assert "OTHER" not in kinds
        assert kinds.get("RATE", {"UpdateItem"}) == {"UpdateItem"}


@pytest.mark.parametrize("table", ITEMS)
def test_a_request_that_names_both_is_refused(table: str) -> None:
    """Nothing rides along with what is allowed."""
    questions = [
        (folder, action, [key, "OTHER#ada"])
        for folder in reached(table)
        for action in ACTIONS
        for key in ITEMS[table]
    ]
    assert not any(allowed(table, questions))


def test_each_kind_of_items_is_tried() -> None:
    """A kind that the template names needs an item in the table above."""
    named = {
        key.partition("#")[0]
        for folder in functions()
        for statement in statements(folder)
        for key in leading_keys(statement) or ()
    }
    tried = {key.partition("#")[0] for keys in ITEMS.values() for key in keys}
    assert named == tried - {"OTHER"}


def test_no_function_may_read_without_a_key() -> None:
    """A condition on keys holds where a request names one: a scan, or PartiQL, may not."""
    for folder in functions():
        for statement in statements(folder):
            assert not {
                action for action in statement["Action"] if "Scan" in action or "PartiQL" in action
            }
