"""ServiceNow connections in DynamoDB.

A connection is one item, `pk = CONNECTION#<owner>`, `sk = <name>`. Its password is in Secrets
Manager, and the two stores share no transaction, so the item governs both:

* It exists, with the status `pending` and the connection's id, before its secret does: no secret is
  without an owner.
* It names the exact version of its secret. A change first writes a new secret version and then
  the item; that one conditional write is the moment at which both change.
* While a request works on it, it carries a lock with an end. A request that dies leaves the item
  as it was, and the next request continues once the lock has ended.

Only an `active` item is a connection that anybody sees.
"""

import json
import re
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, fields
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from actionsync import clock
from actionsync.errors import (
    ActionSyncError,
    ConnectionBusyError,
    ConnectionChangedError,
    ConnectionExistsError,
    ConnectionNotFoundError,
)
from actionsync.stores.attributes import attribute
from actionsync.stores.conditions import refusing_item
from actionsync.stores.credentials import AuthMethod, Identity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mypy_boto3_dynamodb.client import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import AttributeValueTypeDef, UniversalAttributeValueTypeDef

DEFAULT = "default"
# So long before a certificate ends, and so long after a sign-in, of 100 days by default.
_NOTICE, _SIGN_IN_IS_OLD = timedelta(days=30), timedelta(days=70)
_RESTRICTED = (
    "New instances restrict basic authentication, and others may at any time. Ways that stay: "
    "oauth_client_credentials, a person's sign-in (oauth_authorization_code), client_certificate."
)
# Of one owner. Each is a secret that costs money by the month.
MOST_CONNECTIONS = 10
# It stands in paths, in rules and in `team/<team>/<name>`.
_NAME = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,30}[a-z0-9])?", re.ASCII)

# Longer than any function runs (template.yaml: Timeout), so that the holder has surely ended.
LOCK_SECONDS = 30


def checked_name(text: str) -> str:
    """Return a connection's name.

    Raises:
        ValueError: it is none.
    """
    if not _NAME.fullmatch(text):
        raise ValueError("must have 1 to 32 lower-case letters, digits and hyphens within")
    return text


@dataclass(frozen=True, slots=True)
class PendingVersion:
    """What is stored to replace what a connection signs in with, once it works.

    Attributes:
        secret_version: its version of the connection's secret.
        stored_at: when it was stored, in UTC: `2024-01-10T10:00:00Z`.
        ends_at: when its certificate ends, where it has one.
        key_id: what ServiceNow knows its signing key by, empty where the method names none.
        signing_key: the alias of that key in AWS KMS.
    """

    secret_version: str
    stored_at: str
    ends_at: str = ""
    key_id: str = ""
    signing_key: str = ""


@dataclass(frozen=True, slots=True)
class Connection:
    """An owner's connection, without its secrets.

    Attributes:
        id: the connection's id, which is random and names its secret.
        instance_url: `https://<host>`, without a path.
        auth_method: how the connection signs in.
        username: the ServiceNow user, empty where the method names none.
        client_id: the OAuth application, empty where the method names none.
        secret_version: the version of the secret that belongs to this state of the connection.
        created_at: when it was made, in UTC: `2024-01-10T10:00:00Z`.
        updated_at: the same form; what is pending changes nothing yet.
        version: counts the changes, from 1.
        name: its name among the owner's connections.
        signed_in_as: the ServiceNow user whose sign-in it uses, where its method needs one.
        signed_in_at: when that was; empty before it.
        ends_at: when its certificate ends, where it has one.
        signed_in_by: who signed in, by their id here; nobody else sees it.
        key_id: what ServiceNow knows its signing key by, empty where the method names none.
        signing_key: the alias of that key in AWS KMS.
        pending: what is stored to replace what it signs in with.
    """

    id: int
    instance_url: str
    auth_method: AuthMethod
    username: str
    client_id: str
    secret_version: str
    created_at: str
    updated_at: str
    version: int
    name: str = DEFAULT
    signed_in_as: str = ""
    signed_in_at: str = ""
    ends_at: str = ""
    signed_in_by: str = ""
    key_id: str = ""
    signing_key: str = ""
    pending: PendingVersion | None = None

    @property
    def identity(self) -> Identity:
        """Who calls where."""
        return Identity(
            self.instance_url, self.auth_method, self.username, self.client_id, self.key_id
        )

    def document(self) -> dict[str, Any]:
        """Return the connection as callers see it."""
        document = asdict(self)
        del document["secret_version"], document["signed_in_by"]
        if self.pending is not None:
            del document["pending"]["secret_version"]
        document["notes"] = self.notes()
        return document

    def ending(self) -> tuple[datetime, str] | None:
        """Return when its owner has to learn that what it signs in with ends, and what of that."""
        if self.signed_in_at:
            return (
                datetime.fromisoformat(self.signed_in_at) + _SIGN_IN_IS_OLD,
                f"The sign-in of {self.signed_in_at} ends after 100 days by default: repeat it.",
            )
        if self.ends_at:
            return (
                datetime.fromisoformat(self.ends_at) - _NOTICE,
                f"The certificate ends at {self.ends_at}: store another one before.",
            )
        return None

    def notes(self) -> list[str]:
        """Return what its owner should know: what has to be done, or will have to be."""
        now = clock.now()
        if self.auth_method == "basic":
            return [_RESTRICTED]
        if self.auth_method == "oauth_authorization_code" and not self.signed_in_at:
            return [f"Sign in first: GET /api/servicenow/connections/{self.name}/sign-in."]
        if self.ends_at and now > datetime.fromisoformat(self.ends_at):
            return [f"The certificate ended at {self.ends_at}: store another one."]
        ending = self.ending()
        return [ending[1]] if ending and now > ending[0] else []

    def audited(self) -> dict[str, str]:
        """Return what the audit trail keeps of the connection."""
        named = {"instance_url": self.instance_url, "username": self.username}
        return named if self.name == DEFAULT else {"connection": self.name, **named}


class ConnectionStore:
    """The connections table."""

    def __init__(self, dynamodb: "DynamoDBClient", table: str) -> None:
        self._dynamodb = dynamodb
        self._table = table

    def get(self, owner: str, name: str = DEFAULT) -> Connection | None:
        """Return the owner's connection of this name, or None where there is none."""
        item = self._dynamodb.get_item(
            TableName=self._table, Key=_key(owner, name), ConsistentRead=True
        ).get("Item")
        return _connection(item) if item is not None and _is_active(item) else None

    def all(self, owner: str) -> list[Connection]:
        """Return an owner's connections, by name."""
        return [_connection(item) for item in self._of(owner) if _is_active(item)]

    def names(self, owner: str) -> list[str]:
        """Return the names of what an owner has, also of what is being made or removed."""
        return [item["sk"]["S"] for item in self._of(owner)]

    def _of(self, owner: str) -> "list[dict[str, AttributeValueTypeDef]]":
        return self._dynamodb.query(
            TableName=self._table,
            KeyConditionExpression="pk = :pk",
            ExpressionAttributeValues={":pk": _key(owner, "")["pk"]},
            ConsistentRead=True,
        )["Items"]

    def lock_absent(self, owner: str, operation: str, new_id: int, name: str = DEFAULT) -> int:
        """Lock the place of a connection that does not exist yet and return the connection's id.

        The id is the new one, or that of a request that died before it had made the connection.

        Raises:
            ConnectionExistsError: there is one.
            ConnectionBusyError: another request is working on it.
        """
        item = self._lock(
            owner,
            operation,
            name,
            status="pending",
            condition="(attribute_not_exists(#status) OR #status <> :active)",
            values={":active": {"S": "active"}, ":id": {"N": str(new_id)}},
            further=", id = if_not_exists(id, :id)",
        )
        return int(item["id"]["N"])

    def lock_version(self, owner: str, operation: str, version: int, name: str = DEFAULT) -> None:
        """Lock a connection that is at this version, to change it.

        Raises:
            ConnectionNotFoundError: there is none.
            ConnectionChangedError: it is at another version.
            ConnectionBusyError: another request is working on it.
        """
        self._lock(
            owner,
            operation,
            name,
            status="active",
            condition="#status = :status AND version = :version",
            values={":version": {"N": str(version)}},
        )

    def lock_for_removal(self, owner: str, operation: str, name: str = DEFAULT) -> int:
        """Lock a connection, whole or half made, hide it, and return its id.

        Raises:
            ConnectionNotFoundError: there is none.
            ConnectionBusyError: another request is working on it.
        """
        item = self._lock(
            owner,
            operation,
            name,
            status="removing",
            condition="attribute_exists(pk)",
            values={},
        )
        return int(item["id"]["N"])

    def save(self, owner: str, operation: str, connection: Connection) -> None:
        """Make this the owner's connection and end the lock: the moment of the change.

        Raises:
            ConnectionBusyError: the lock is another request's by now.
        """
        attributes = {"status": "active", **asdict(connection)}
        name = attributes.pop("name")
        with self._still_locked():
            self._dynamodb.update_item(
                TableName=self._table,
                Key=_key(owner, name),
                UpdateExpression=(
                    f"SET {', '.join(f'#{each} = :{each}' for each in attributes)} "
                    "REMOVE locked_by, locked_until"
                ),
                ConditionExpression="locked_by = :operation",
                ExpressionAttributeNames={f"#{each}": each for each in attributes},
                ExpressionAttributeValues={
                    ":operation": {"S": operation},
                    **{f":{each}": attribute(value) for each, value in attributes.items()},
                },
            )

    def follow(self, owner: str, old_version: str, new_version: str, name: str = DEFAULT) -> None:
        """Replace the secret's version that the connection names, after a rotation.

        A connection that names any other version by now was changed meanwhile, and stays.
        """
        with suppress(self._dynamodb.exceptions.ConditionalCheckFailedException):
            self._dynamodb.update_item(
                TableName=self._table,
                Key=_key(owner, name),
                UpdateExpression="SET secret_version = :new",
                ConditionExpression="secret_version = :old",
                ExpressionAttributeValues={
                    ":new": {"S": new_version},
                    ":old": {"S": old_version},
                },
            )

    def unlock(self, owner: str, operation: str, name: str = DEFAULT) -> None:
        """End the lock and leave the connection as it is.

        Raises:
            ConnectionBusyError: the lock is another request's by now.
        """
        with self._still_locked():
            self._dynamodb.update_item(
                TableName=self._table,
                Key=_key(owner, name),
                UpdateExpression="REMOVE locked_by, locked_until",
                ConditionExpression="locked_by = :operation",
                ExpressionAttributeValues={":operation": {"S": operation}},
            )

    def remove(self, owner: str, operation: str, name: str = DEFAULT) -> None:
        """Remove the locked connection.

        Raises:
            ConnectionBusyError: the lock is another request's by now.
        """
        with self._still_locked():
            self._dynamodb.delete_item(
                TableName=self._table,
                Key=_key(owner, name),
                ConditionExpression="locked_by = :operation",
                ExpressionAttributeValues={":operation": {"S": operation}},
            )

    @contextmanager
    def _still_locked(self) -> "Iterator[None]":
        try:
            yield
        except self._dynamodb.exceptions.ConditionalCheckFailedException:
            raise ConnectionBusyError(LOCK_SECONDS) from None

    def _lock(
        self,
        owner: str,
        operation: str,
        name: str,
        *,
        status: str,
        condition: str,
        values: "dict[str, UniversalAttributeValueTypeDef]",
        further: str = "",
    ) -> "dict[str, AttributeValueTypeDef]":
        now = clock.now_epoch()
        try:
            return self._dynamodb.update_item(
                TableName=self._table,
                Key=_key(owner, name),
                UpdateExpression=(
                    "SET #status = :status, locked_by = :operation, locked_until = :until" + further
                ),
                ConditionExpression=(
                    f"{condition} AND (attribute_not_exists(locked_until) OR locked_until <= :now)"
                ),
                ExpressionAttributeNames={"#status": "status"},
                ExpressionAttributeValues={
                    ":status": {"S": status},
                    ":operation": {"S": operation},
                    ":until": {"N": str(now + LOCK_SECONDS)},
                    ":now": {"N": str(now)},
                    **values,
                },
                ReturnValues="ALL_NEW",
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
            )["Attributes"]
        except self._dynamodb.exceptions.ConditionalCheckFailedException as error:
            raise _refusal(refusing_item(error), status, now, name) from None


def _refusal(
    item: "dict[str, AttributeValueTypeDef] | None", wanted_status: str, now: int, name: str
) -> ActionSyncError:
    """Return why the lock was refused, from the item as it was at that moment."""
    if item is None:
        return ConnectionNotFoundError(name)
    locked_until = int(item["locked_until"]["N"]) if "locked_until" in item else 0
    if locked_until > now:
        return ConnectionBusyError(locked_until - now)
    if not _is_active(item):
        return ConnectionNotFoundError(name)
    if wanted_status == "pending":
        return ConnectionExistsError(name)
    return ConnectionChangedError(int(item["version"]["N"]))


def _key(owner: str, name: str) -> "dict[str, AttributeValueTypeDef]":
    return {"pk": {"S": f"CONNECTION#{owner}"}, "sk": {"S": name}}


def _is_active(item: "dict[str, AttributeValueTypeDef]") -> bool:
    return item["status"]["S"] == "active"


def _connection(item: "dict[str, AttributeValueTypeDef]") -> Connection:
    values: dict[str, Any] = {
        field.name: int(item[field.name]["N"]) if field.type is int else item[field.name]["S"]
        for field in fields(Connection)
        if field.name in item
    }
    stored = json.loads(values.pop("pending", "null"))
    pending = PendingVersion(**stored) if stored else None
    return Connection(**{**values, "name": item["sk"]["S"], "pending": pending})
