"""Webhooks and their owners. A webhook's secret is in Secrets Manager.

`pk = WEBHOOKS#<owner>` lists an owner's webhooks, an attribute each, with the names that they have:
one conditional update adds to both, so that nobody gets more than MOST_WEBHOOKS, or two of a name.
`pk = WEBHOOK#<webhook id>` is what a delivery finds. The list is written first and removed last, so
that a webhook which a dead function left half made, or half removed, is seen and can be removed.
The secret is `<prefix>webhook/<webhook id>`; the item names its version.
"""

import contextlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from actionsync import clock
from actionsync.errors import TooManyWebhooksError, WebhookExistsError, WebhookNotFoundError
from actionsync.stores.conditions import refusing_item
from actionsync.stores.secrets import encryption

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mypy_boto3_dynamodb.client import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import AttributeValueTypeDef
    from mypy_boto3_secretsmanager.client import SecretsManagerClient

    Item = dict[str, AttributeValueTypeDef]

# Of one owner. Each is a secret that costs money by the month.
MOST_WEBHOOKS = 20
_NAMES = "names"
# How many secrets a warm process remembers.
_MOST_SECRETS = 500


@dataclass(frozen=True, slots=True)
class Webhook:
    """A webhook.

    Attributes:
        id: what its address ends in.
        owner: whose it is.
        source: who sends to it.
        name: what its owner calls it: no other one of the source has that name.
        dry_run: whether its deliveries are shown, and make no tickets.
        verification: the one way in which its sender proves itself; empty for any of the source's.
        created_at: when it was made.
        secret_version: which version of its secret is in force.
        connection: by which connection its tickets are written; empty for what the rules say.
    """

    id: str
    owner: str
    source: str
    name: str
    dry_run: bool = False
    verification: str = ""
    created_at: str = ""
    secret_version: str = ""
    connection: str = ""


class WebhookStore:
    """The webhooks, in the events table, and their secrets.

    Args:
        dynamodb: the DynamoDB client.
        table: name of the events table.
        secrets: the Secrets Manager client.
        prefix: start of the name of every secret of the stack.
        key: ARN of the KMS key that encrypts the secrets, or empty for AWS's own.
    """

    def __init__(
        self,
        dynamodb: "DynamoDBClient",
        table: str,
        secrets: "SecretsManagerClient",
        prefix: str,
        key: str = "",
    ) -> None:
        self._dynamodb = dynamodb
        self._table = table
        self._secrets = secrets
        self._prefix = prefix
        self._encryption = encryption(key)
        self._known: dict[tuple[str, str], str] = {}

    def create(self, webhook: Webhook, secret: str) -> Webhook:
        """Store a webhook, its owner first, so that no secret is without one.

        Without a name it gets the first of `github`, `github-2` and so on that is free.

        Raises:
            TooManyWebhooksError: the owner has as many as one may have.
            WebhookExistsError: the owner has one of that name.
        """
        webhook = self._listed(replace(webhook, created_at=clock.iso(clock.now())))
        version = self._secrets.create_secret(
            Name=self._secret(webhook.id), SecretString=secret, **self._encryption
        )["VersionId"]
        webhook = replace(webhook, secret_version=version)
        self._put(webhook)
        return webhook

    def _listed(self, webhook: Webhook) -> Webhook:
        """List a webhook, and return it with a name that is its own from now on."""
        name = webhook.name or webhook.source
        while True:
            named = replace(webhook, name=name)
            try:
                self._dynamodb.update_item(
                    TableName=self._table,
                    Key=_list_of(webhook.owner),
                    UpdateExpression="SET #id = :facts ADD #names :new",
                    ConditionExpression="attribute_not_exists(#names) "
                    "OR (NOT contains(#names, :name) AND size(#names) < :most)",
                    ExpressionAttributeNames={"#id": webhook.id, "#names": _NAMES},
                    ExpressionAttributeValues={
                        ":facts": {"M": _facts(named)},
                        ":new": {"SS": [_name(named)]},
                        ":name": {"S": _name(named)},
                        ":most": {"N": str(MOST_WEBHOOKS)},
                    },
                    ReturnValuesOnConditionCheckFailure="ALL_OLD",
                )
            except self._dynamodb.exceptions.ConditionalCheckFailedException as error:
                taken = set((refusing_item(error) or {}).get(_NAMES, {}).get("SS", ()))
            else:
                return named
            if len(taken) >= MOST_WEBHOOKS:
                raise TooManyWebhooksError(MOST_WEBHOOKS)
            if webhook.name:
                raise WebhookExistsError(webhook.name)
            free = (f"{webhook.source}-{number}" for number in range(2, MOST_WEBHOOKS + 2))
            name = next(each for each in free if f"{webhook.source}/{each}" not in taken)

    def find(self, webhook_id: str) -> tuple[Webhook, str] | None:
        """Return a webhook and its secret, or None where there is none."""
        item = self._dynamodb.get_item(TableName=self._table, Key=_key(webhook_id)).get("Item")
        if item is None:
            return None
        webhook = _webhook(webhook_id, item)
        place = (webhook.id, webhook.secret_version)
        if place not in self._known:
            try:
                answer = self._secrets.get_secret_value(
                    SecretId=self._secret(webhook_id), VersionId=webhook.secret_version
                )
            except self._secrets.exceptions.ResourceNotFoundException:
                return None
            if len(self._known) >= _MOST_SECRETS:
                self._known.clear()
            self._known[place] = answer["SecretString"]
        return webhook, self._known[place]

    def get(self, owner: str, source: str, webhook_id: str) -> Webhook:
        """Return an owner's webhook.

        Raises:
            WebhookNotFoundError: the owner has no such webhook of that source.
        """
        webhooks = self.of(owner, source)
        webhook = next((webhook for webhook in webhooks if webhook.id == webhook_id), None)
        if webhook is None:
            raise WebhookNotFoundError
        return webhook

    def of(self, owner: str, source: str | None = None) -> list[Webhook]:
        """Return an owner's webhooks, of one source or of all, the oldest first."""
        item = self._dynamodb.get_item(
            TableName=self._table, Key=_list_of(owner), ConsistentRead=True
        ).get("Item", {})
        listed = [_webhook(name, value["M"]) for name, value in item.items() if "M" in value]
        found = [webhook for webhook in listed if source in {None, webhook.source}]
        return sorted(found, key=lambda webhook: (webhook.created_at, webhook.id))

    def change(self, webhook: Webhook, *, dry_run: bool | None, secret: str | None) -> Webhook:
        """Store what is to change of an owner's webhook, and return it as it is now.

        Raises:
            WebhookNotFoundError: it was removed meanwhile.
        """
        if secret is not None:
            version = self._secrets.put_secret_value(
                SecretId=self._secret(webhook.id), SecretString=secret
            )["VersionId"]
            webhook = replace(webhook, secret_version=version)
        if dry_run is not None:
            webhook = replace(webhook, dry_run=dry_run)
        try:
            self._dynamodb.update_item(
                TableName=self._table,
                Key=_list_of(webhook.owner),
                UpdateExpression="SET #id = :facts",
                ConditionExpression="attribute_exists(#id)",
                ExpressionAttributeNames={"#id": webhook.id},
                ExpressionAttributeValues={":facts": {"M": _facts(webhook)}},
            )
        except self._dynamodb.exceptions.ConditionalCheckFailedException:
            raise WebhookNotFoundError from None
        names = {"#dry_run": "dry_run"}
        values: Item = {":dry_run": {"BOOL": webhook.dry_run}}
        if secret is not None:  # the list does not know which version is in force
            names["#version"], values[":version"] = "secret_version", {"S": webhook.secret_version}
        self._dynamodb.update_item(
            TableName=self._table,
            Key=_key(webhook.id),
            UpdateExpression="SET #dry_run = :dry_run"
            + (", #version = :version" if secret is not None else ""),
            ExpressionAttributeNames=names,
            ExpressionAttributeValues=values,
        )
        return webhook

    def delete(self, webhook: Webhook) -> None:
        """Remove an owner's webhook, its secret first; also one whose removal died."""
        with contextlib.suppress(self._secrets.exceptions.ResourceNotFoundException):
            self._secrets.delete_secret(
                SecretId=self._secret(webhook.id), ForceDeleteWithoutRecovery=True
            )
        self._dynamodb.delete_item(TableName=self._table, Key=_key(webhook.id))
        # Whoever removes it at the same time has freed its name, which another may have by now.
        with contextlib.suppress(self._dynamodb.exceptions.ConditionalCheckFailedException):
            self._dynamodb.update_item(
                TableName=self._table,
                Key=_list_of(webhook.owner),
                UpdateExpression="REMOVE #id DELETE #names :name",
                ConditionExpression="attribute_exists(#id)",
                ExpressionAttributeNames={"#id": webhook.id, "#names": _NAMES},
                ExpressionAttributeValues={":name": {"SS": [_name(webhook)]}},
            )

    def forget(self, owner: str) -> int:
        """Remove all that there is of an owner, and return how many webhooks there were."""
        found = self.of(owner)
        for webhook in found:
            self.delete(webhook)
        self._dynamodb.delete_item(TableName=self._table, Key=_list_of(owner))
        return len(found)

    def _put(self, webhook: Webhook) -> None:
        self._dynamodb.put_item(TableName=self._table, Item={**_key(webhook.id), **_facts(webhook)})

    def _secret(self, webhook_id: str) -> str:
        return f"{self._prefix}webhook/{webhook_id}"


def _facts(webhook: Webhook) -> "Item":
    return {
        "owner": {"S": webhook.owner},
        "source": {"S": webhook.source},
        "name": {"S": webhook.name},
        "dry_run": {"BOOL": webhook.dry_run},
        "verification": {"S": webhook.verification},
        "created_at": {"S": webhook.created_at},
        "secret_version": {"S": webhook.secret_version},
        "connection": {"S": webhook.connection},
    }


def _webhook(webhook_id: str, item: "Mapping[str, Any]") -> Webhook:
    return Webhook(
        webhook_id,
        owner=item["owner"]["S"],
        source=item["source"]["S"],
        name=item["name"]["S"],
        dry_run=item["dry_run"]["BOOL"],
        verification=item["verification"]["S"],
        created_at=item["created_at"]["S"],
        secret_version=item["secret_version"]["S"],
        connection=item["connection"]["S"] if "connection" in item else "",
    )


def _key(webhook_id: str) -> "Item":
    return {"pk": {"S": f"WEBHOOK#{webhook_id}"}, "sk": {"S": "WEBHOOK"}}


def _list_of(owner: str) -> "Item":
    return {"pk": {"S": f"WEBHOOKS#{owner}"}, "sk": {"S": "WEBHOOKS"}}


def _name(webhook: Webhook) -> str:
    return f"{webhook.source}/{webhook.name}"
