"""What answers for DynamoDB in the tests is compared with moto."""

import contextlib
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from tests import memory
from tests.fast_dynamodb import FAST

if TYPE_CHECKING:
    from tests.conftest import Aws

KEY: Any = {"pk": {"S": "A"}, "sk": {"S": "B"}}
COUNT: Any = {
    "TableName": "EventsTable", "Key": KEY, "UpdateExpression": "ADD #count :one",
    "ExpressionAttributeNames": {"#count": "count"}, "ReturnValues": "ALL_NEW",
}  # fmt: skip


@pytest.fixture(autouse=True)
def _nothing_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let each kind of call be one that was not seen before."""
    monkeypatch.setattr(FAST, "_compared", set())


def count(aws: "Aws", by: str) -> Any:
    """Add to a number."""
    return aws.dynamodb.update_item(**COUNT, ExpressionAttributeValues={":one": {"N": by}})


def test_each_kind_of_call_is_compared_once(aws: "Aws", monkeypatch: pytest.MonkeyPatch) -> None:
    """The first of a kind, with another outcome once more, and no test passes over a difference."""
    asked = []
    ask = FAST._ask_moto

    def noted(operation: str, *rest: Any) -> Any:
        asked.append(operation)
        return ask(operation, *rest)

    monkeypatch.setattr(FAST, "_ask_moto", noted)
    assert count(aws, "1")["Attributes"]["count"] == {"N": "1"}
    assert asked == ["UpdateItem"]
    for total in "2", "3":  # an item that is there is another outcome
        assert count(aws, "1")["Attributes"]["count"] == {"N": total}
    assert asked == ["UpdateItem"] * 2
    monkeypatch.setattr(memory, "_sum", lambda *_: {"N": "7"})
    monkeypatch.setattr(FAST, "_compared", set())
    count(aws, "1")
    assert len(FAST.differences) == 1
    with pytest.raises(AssertionError, match="UpdateItem"):
        FAST.end()
    FAST.begin(in_moto=False)


@pytest.mark.parametrize(
    "wrong",
    [
        {"ExpressionAttributeValues": {":one": {"N": "1"}, ":unused": {"N": "1"}}},
        {"ExpressionAttributeValues": {":one": {"S": "1"}}},
        {"ExpressionAttributeValues": {":another": {"N": "1"}}},
        {"UpdateExpression": "ADDS #count :one"},
        {"Key": {**KEY, "other": {"S": "C"}}},
        {"ConditionExpression": "attribute_is(pk)"},
    ],
    ids=["unused", "type", "missing", "syntax", "too much of one", "condition"],
)
def test_no_test_passes_with_what_moto_refuses(aws: "Aws", wrong: dict[str, Any]) -> None:
    """Whether the memory answers or not, and whatever the code under test makes of it."""
    with contextlib.suppress(ClientError):
        aws.dynamodb.update_item(
            **{**COUNT, "ExpressionAttributeValues": {":one": {"N": "1"}}, **wrong}
        )
    with pytest.raises(AssertionError, match=r"ValidationException|moto: ValueError"):
        FAST.end()
    FAST.begin(in_moto=False)


@pytest.mark.parametrize("key", [{"pk": {"S": "A"}}, {**KEY, "pk": {"S": ""}}])
def test_a_key_has_both_its_parts(aws: "Aws", key: Any) -> None:
    """Both refuse to put what has not."""
    with pytest.raises(ClientError, match="ValidationException"):
        aws.dynamodb.put_item(TableName="EventsTable", Item=key)


def test_what_was_answered_is_not_the_table(aws: "Aws") -> None:
    """A caller may change an answer, or what it has put."""
    item: Any = {**KEY, "names": {"L": [{"S": "a"}]}}
    aws.dynamodb.put_item(TableName="EventsTable", Item=item)
    item["names"]["L"].append({"S": "b"})
    answer: Any = aws.dynamodb.get_item(TableName="EventsTable", Key=KEY)["Item"]
    answer["names"]["L"].clear()
    (stored,) = aws.items("EventsTable")
    assert stored["names"] == {"L": [{"S": "a"}]}


@pytest.mark.moto
def test_moto_itself_answers_where_it_is_asked_for(aws: "Aws") -> None:
    """The mark leaves DynamoDB to moto."""
    assert FAST.memory is None
    assert count(aws, "1")["Attributes"]["count"] == {"N": "1"}
