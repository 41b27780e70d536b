"""Within a table a function reaches its own kinds of items alone.

Neither the local cloud nor moto looks at `dynamodb:LeadingKeys`, as DynamoDB does for each request
(IAM user guide: Using IAM policy conditions for fine-grained access control). So each function's
policy is asked about each kind of item, by the evaluation of policies that the local cloud has.
"""

import json
import subprocess
from typing import Any

from local.cloud import TOOLS
from tests.template import functions, leading_keys, statements

# Each kind of items of the events table, by the key of one.
ITEMS = [
    "CORRELATION#error:ada:checkout", "PAUSE#CONNECTION#7", "PIPELINES#ada",
    "RECENT#OWNER#ada", "RULES#ada", "WEBHOOK#0123456789abcdef0123456789abcdef", "WEBHOOKS#ada",
    "OTHER#ada",
]  # fmt: skip
ACTIONS = [
    "GetItem", "BatchGetItem", "Query", "PutItem", "UpdateItem", "DeleteItem", "BatchWriteItem",
    "PartiQLSelect", "PartiQLUpdate",
]  # fmt: skip
TABLE = "arn:aws:dynamodb:us-east-1:123456789012:table/EventsTable"
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


def expected(folder: str) -> set[str]:
    """Return the kinds of items that a function's job is about."""
    if folder == "receive_webhook":
        return {"WEBHOOK", "RULES"}
    if "webhook" in folder:
        return {"WEBHOOKS"} if folder.startswith("list_") else {"WEBHOOK", "WEBHOOKS"}
    if folder.startswith("on_"):
        return {"CORRELATION", "PAUSE", "PIPELINES", "RECENT", "RULES"}
    if folder in {"get_rules", "update_rules"}:
        return {"RULES"}
    others = {"preview_rules": {"RULES", "PAUSE"}, "discard_unfinished_event": {"CORRELATION"}}
    return others.get(folder, {"PAUSE"})


def allowed(questions: list[tuple[str, str, list[str]]]) -> list[bool]:
    """Return, for each question, whether a function may do an action with these items."""
    asked = [
        (_policy(folder), f"dynamodb:{action}", TABLE, keys) for folder, action, keys in questions
    ]
    done = subprocess.run(  # noqa: S603 - our own tools
        [TOOLS / "ministack/bin/python", "-c", PROGRAM],
        input=json.dumps(asked), capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip
    answers: list[bool] = json.loads(done.stdout)
    return answers


def _policy(folder: str) -> dict[str, Any]:
    own = [
        {**statement, "Resource": TABLE}
        for statement in statements(folder)
        if statement["Resource"] == {"Fn::GetAtt": "EventsTable.Arn"}
    ]
    return {"Version": "2012-10-17", "Statement": own}


def test_a_function_reaches_its_own_kinds_of_items() -> None:
    """All of these by some action, others by none, also where one request names both."""
    folders = [folder for folder in functions() if _policy(folder)["Statement"]]
    questions = [
        (folder, action, [key]) for folder in folders for action in ACTIONS for key in ITEMS
    ]
    reached: dict[str, set[str]] = {folder: set() for folder in folders}
    writers_of_rules = set()
    for (folder, action, (key,)), is_allowed in zip(questions, allowed(questions), strict=True):
        if is_allowed:
            reached[folder].add(key.partition("#")[0])
        if is_allowed and key.startswith("RULES#") and action != "GetItem":
            writers_of_rules.add(folder)
    assert reached == {folder: expected(folder) for folder in folders}
    assert writers_of_rules == {"update_rules"}

    mixed = [
        (folder, action, [key, "OTHER#ada"])
        for folder in folders
        for action in ACTIONS
        for key in ITEMS
    ]
    assert not any(allowed(mixed))


def test_each_kind_of_items_is_tried() -> None:
    """A kind that the template names needs an item in the table above."""
    named = {
        key.partition("#")[0]
        for folder in functions()
        for statement in statements(folder)
        for key in leading_keys(statement) or ()
    }
    assert named == {key.partition("#")[0] for key in ITEMS} - {"OTHER"}


def test_no_function_may_read_without_a_key() -> None:
    """A condition on keys holds where a request names one: a scan, or PartiQL, may not."""
    for folder in functions():
        for statement in statements(folder):
            assert not {
                action for action in statement["Action"] if "Scan" in action or "PartiQL" in action
            }
