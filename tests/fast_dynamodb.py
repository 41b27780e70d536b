"""DynamoDB's clients, answered from memory: most tests spent half their time in moto's DynamoDB.

botocore checks and writes each request as ever; what it would send is answered by
`tests/memory.py`. The first time that a process makes a kind of call (an operation with its
expressions and its outcome), moto is asked, too, with the items that the call is about: both answer
the same and leave the same items, or the test fails. So whatever expression a store uses is
compared, and what moto refuses is refused. With `MOTO=1`, or the mark `moto`, moto alone answers.
"""

import base64
import copy
import json
import threading
from functools import cache
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import boto3
from botocore import handlers, xform_name
from botocore.client import BaseClient
from botocore.exceptions import ClientError
from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.dynamodb.models import dynamodb_backends

from tests.memory import AnswerError, Item, MemoryDynamoDB
from tests.template import template

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient

# Parts of an answer that no store reads; moto counts the capacity unasked.
_BESIDE = {
    "ResponseMetadata", "Error", "message", "Message", "ConsumedCapacity", "ItemCollectionMetrics",
}  # fmt: skip
# Tests that count or refuse calls do so in its place.
_CALL = BaseClient._make_api_call  # type: ignore[attr-defined] # botocore's own
_Answer = tuple[int, dict[str, Any]]


@cache
def client() -> "DynamoDBClient":
    """Return the client that tests look through: made once, as those of actionsync.aws are."""
    return boto3.client("dynamodb")


def moto_tables() -> dict[str, Any]:
    """Return the tables of moto's DynamoDB."""
    tables: dict[str, Any] = dynamodb_backends[DEFAULT_ACCOUNT_ID]["us-east-1"].tables
    return tables


@cache
def _new_tables() -> dict[str, Any]:
    """Return the template's tables in moto, empty: made once, since copies are used."""
    for name, resource in template()["Resources"].items():
        if resource["Type"] == "AWS::DynamoDB::Table":
            properties = resource["Properties"]
            client().create_table(
                TableName=name,
                BillingMode=properties["BillingMode"],
                AttributeDefinitions=properties["AttributeDefinitions"],
                KeySchema=properties["KeySchema"],
                **{
                    name: properties[name]
                    for name in ("GlobalSecondaryIndexes",)
                    if name in properties
                },
            )
    return copy.deepcopy(moto_tables())


class FastDynamoDB:
    """What answers the requests of all clients.

    Attributes:
        memory: the tables; None where moto answers.
        differences: in what a test's calls differed from moto.
    """

    def __init__(self) -> None:
        self.memory: MemoryDynamoDB | None = None
        self.differences: list[str] = []
        self._compared: set[Any] = set()
        self._is_comparing = False
        self._lock = threading.RLock()

    def begin(self, *, in_moto: bool) -> None:
        """Begin a test, with empty tables."""
        self.memory, self.differences = None, []
        if in_moto:
            moto_tables().update(copy.deepcopy(_new_tables()))
        else:
            self.memory = MemoryDynamoDB(counts=False)

    def end(self) -> None:
        """End a test.

        Raises:
            AssertionError: A call was not answered as moto answers it.
        """
        self.memory = None
        assert not self.differences, "\n\n".join(self.differences)

    def answer(self, model: Any, params: dict[str, Any], **_: Any) -> Any:
        """Return an answer to botocore, or None to send the request on to moto."""
        with self._lock:
            if self.memory is None or self._is_comparing:
                return None
            request = json.loads(params["body"], object_hook=_read)
            if not {request.get("TableName"), *request.get("RequestItems", ())} & self.memory.names:
                return None  # a table that is not there
            status, answer = self._answer(self.memory, model.name, request)
        return SimpleNamespace(status_code=status), {
            **answer,
            "ResponseMetadata": {"HTTPStatusCode": status, "HTTPHeaders": {}, "RetryAttempts": 0},
        }

    def _answer(self, memory: MemoryDynamoDB, operation: str, request: Item) -> _Answer:
        before = _concerned(memory, operation, request)
        try:
            call = getattr(memory, xform_name(operation))
            answer = 200, copied(call(**request))
        except AnswerError as error:
            said = {"Code": type(error).__name__, "Message": str(error)}
            answer = 400, {"Error": said, **copied(error.response)}
        except Exception as error:  # noqa: BLE001 - a difference, whatever it is
            answer = 500, {"Error": {"Code": repr(error)}}
        kind = _kind(operation, request, answer, any(before.values()))
        if kind not in self._compared:
            moto, theirs = self._ask_moto(operation, request, before)
            ours = _sorted(_concerned(memory, operation, request))
            pairs = ((_comparable(answer), _comparable(moto)), (ours, theirs))
            if different := [pair for pair in pairs if pair[0] != pair[1]]:
                self.differences.append(f"{operation} {request}: {different}")
            self._compared.add(kind)
        return answer

    def _ask_moto(
        self, operation: str, request: Item, before: dict[str, list[Item]]
    ) -> tuple[_Answer, dict[str, list[str]]]:
        """Return what moto answers where these items are, and the items that it leaves."""
        self._is_comparing = True
        try:
            tables = moto_tables()
            for name, items in before.items():
                tables[name] = copy.deepcopy(_new_tables()[name])
                for item in items:
                    tables[name].put_item(item)
            try:
                answer = 200, _CALL(client(), operation, request)
            except ClientError as error:
                answer = 400, dict(error.response)
            except Exception as error:  # noqa: BLE001 - moto does not know what it was asked
                answer = 500, {"Error": {"Code": f"moto: {error!r}"}}
            left = {name: _CALL(client(), "Scan", {"TableName": name})["Items"] for name in before}
        finally:
            self._is_comparing = False
        return answer, _sorted(left)


def _concerned(memory: MemoryDynamoDB, operation: str, request: Item) -> dict[str, list[Item]]:
    """Return the items that a call is about, by table."""
    if operation == "BatchGetItem":
        asked = request["RequestItems"].items()
        return {table: memory.found(table, keys["Keys"]) for table, keys in asked}
    if operation == "BatchWriteItem":
        return {
            table: memory.found(
                table,
                (
                    write["PutRequest"]["Item"]
                    if "PutRequest" in write
                    else write["DeleteRequest"]["Key"]
                    for write in writes
                ),
            )
            for table, writes in request["RequestItems"].items()
        }
    table = request["TableName"]
    if operation == "Query":
        whole = {name: request[name] for name in request.keys() - {"ExclusiveStartKey"}}
        return {table: list(memory.partition(whole))}
    if operation == "Scan":
        return {table: memory.all(table)}
    return {table: memory.found(table, [request.get("Key") or request["Item"]])}


def _kind(operation: str, request: Item, answer: _Answer, *facts: bool) -> Any:
    """Return what calls have in common that are compared once."""
    texts = sorted((name, text) for name, text in request.items() if isinstance(text, str | bool))
    values = sorted(
        (name, *value) for name, value in request.get("ExpressionAttributeValues", {}).items()
    )
    tables = sorted(request.get("RequestItems", {}))
    status, said = answer
    outcome = (status, *said, bool(said.get("Items")))
    return operation, *texts, *values, *tables, *request, *request.get("Key", ()), *outcome, *facts


def _comparable(answer: _Answer) -> Any:
    status, said = answer
    error = said.get("Error", {}).get("Code")
    rest = {name: said[name] for name in said.keys() - _BESIDE}
    return status, error, _text(rest)


def _sorted(items: dict[str, list[Item]]) -> dict[str, list[str]]:
    return {table: sorted(_text(item) for item in some) for table, some in items.items()}


def _text(value: Any) -> str:
    return json.dumps(_ordered(value), sort_keys=True, default=str)


def _ordered(value: Any) -> Any:
    """Return a value whose sets, which have no order, have one."""
    if isinstance(value, list):
        return [_ordered(each) for each in value]
    if not isinstance(value, dict):
        return value
    return {
        name: sorted(each) if name in {"SS", "NS"} else _ordered(each)
        for name, each in value.items()
    }


def _read(value: dict[str, Any]) -> dict[str, Any]:
    """Return an attribute of bytes as it was before it was sent."""
    return {"B": base64.b64decode(value["B"])} if value.keys() == {"B"} else value


def copied(value: Any) -> Any:
    """Return a copy that shares nothing with the tables."""
    if isinstance(value, dict):
        return {name: copied(each) for name, each in value.items()}
    if isinstance(value, list):
        return [copied(each) for each in value]
    return value


FAST = FastDynamoDB()


def apply() -> None:
    """Answer all clients that are made from now on."""
    # Last, so that what a test registers is asked before.
    entry = ("before-call.dynamodb", FAST.answer, handlers.REGISTER_LAST)
    handlers.BUILTIN_HANDLERS.append(entry)
