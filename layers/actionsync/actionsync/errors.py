"""What the application refuses, and why.

ActionSyncError
 ├── InvalidInputError            a field of the request is wrong
 ├── NotSignedInError             the request carries no user
 ├── NotAllowedError              its token has none of the scopes that the API wants
 ├── NotInTeamError               the caller is not in the team, or may not change what it has
 ├── ConnectionNotFoundError      there is no connection of this name
 ├── SignInNeededError            a person has to sign in first
 ├── SignInRefusedError           no such sign-in was begun, or it was another user's
 ├── ConnectionExistsError        there is one already
 ├── TooManyConnectionsError      the owner has as many as one may have
 ├── ConnectionBusyError          another request is changing it right now
 ├── ConnectionChangedError       it is not the version that the caller has read
 ├── ConnectionIncompleteError    its secret is missing or belongs to another host or user
 ├── SigningKeyError              the key that signs for it is missing, or may not be used
 ├── PendingMissingError          it has no pending version
 ├── PendingRefusedError          its pending version does not sign in
 ├── IdempotencyKeyReusedError    the key came with another request before
 ├── WriteInProgressError         the same key's first request has not ended
 ├── TooManyRequestsError         the user asks for more than a minute allows
 ├── DocumentChangedError         rules or another document are not at the version the caller knew
 ├── RecipeNotFoundError          the user has no such recipe
 ├── TooManyRecipesError          the user has as many recipes as one may have
 ├── UnfinishedEventNotFoundError  the user has no such event that waits or has failed
 ├── EventInProgressError        somebody is at the event right now
 ├── AddressTakenError            another user has named the address
 ├── GateNotFoundError            the user has no such gate
 ├── WebhookNotFoundError         the user has no such webhook
 ├── WebhookExistsError           the user has one of that name
 ├── TooManyWebhooksError         the user has as many as one may have
 ├── DeliveryNotFoundError        the webhook has no such delivery, or not its body
 ├── WebhookRefusedError          no such webhook, or a wrong signature
 └── QueueRefusedError            a delivery could not be queued

Their texts are answered to the caller, so none of them may hold a secret.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


@dataclass(frozen=True, slots=True)
class FieldError:
    """One field and what is wrong with it, without its value."""

    field: str
    message: str


class ActionSyncError(Exception):
    """The root of the tree."""


class InvalidInputError(ActionSyncError):
    """A field of the request is wrong."""

    def __init__(self, *errors: FieldError) -> None:
        super().__init__("; ".join(f"{error.field}: {error.message}" for error in errors))
        self.errors = errors


class NotSignedInError(ActionSyncError):
    """The request carries no user.

    Args:
        why: what is wrong with the token, if there is one.
    """

    def __init__(self, why: str = "The request carries no user") -> None:
        super().__init__(f"{why}: sign in and send the access token.")


class NotAllowedError(ActionSyncError):
    """The token has none of the scopes that the API wants, or none that opens the call.

    Args:
        scopes: the scopes, of which one is needed.
        why: why those of the token are not enough, where no other scope would be.
    """

    def __init__(self, scopes: "Iterable[str]", why: str = "") -> None:
        needed = f"The token needs one of these scopes: {', '.join(sorted(scopes))}."
        super().__init__(why or needed)


class NotInTeamError(ActionSyncError):
    """The caller is not in the team, or may not change what it has."""

    def __init__(self, team: str, role: str = "member") -> None:
        super().__init__(
            f"The token makes its bearer no {role} of a team {team[:50]}: it names none of the "
            "team's groups."
        )


class ConnectionNotFoundError(ActionSyncError):
    """There is no connection of this name."""

    def __init__(self, name: str = "default") -> None:
        super().__init__(
            "No ServiceNow connection is stored. Store one with POST /api/servicenow/config."
            if name == "default"
            else f"There is no ServiceNow connection named {name}. "
            "Store it with POST /api/servicenow/connections."
        )


class SignInNeededError(ConnectionNotFoundError):
    """A person has to sign in first."""

    def __init__(self, name: str = "default") -> None:
        Exception.__init__(
            self,
            f"Sign in first: GET /api/servicenow/connections/{name}/sign-in says where.",
        )


class SignInRefusedError(ActionSyncError):
    """No such sign-in was begun, it has ended, or it was another user's."""

    def __init__(self, why: str = "") -> None:
        super().__init__(
            why
            or "This sign-in was not begun by you, was finished already, or took longer than "
            "ten minutes: begin again."
        )


class ConnectionExistsError(ActionSyncError):
    """There is a connection of this name already."""

    def __init__(self, name: str = "default") -> None:
        super().__init__(
            "A ServiceNow connection is stored already. Change it with PUT /api/servicenow/config."
            if name == "default"
            else f"There is a ServiceNow connection named {name} already. "
            f"Change it with PUT /api/servicenow/connections/{name}."
        )


class TooManyConnectionsError(ActionSyncError):
    """The owner has as many connections as one may have."""

    def __init__(self, most: int) -> None:
        super().__init__(f"There are {most} connections already: remove one first.")


class ConnectionBusyError(ActionSyncError):
    """Another request is changing the connection, or died while it did.

    Args:
        retry_after: the seconds after which the other request has surely ended.
    """

    def __init__(self, retry_after: int) -> None:
        super().__init__(
            "Another request is changing this ServiceNow connection. "
            f"Try again in {retry_after} seconds."
        )
        self.retry_after = retry_after


class ConnectionChangedError(ActionSyncError):
    """The connection is not the version that the caller has read."""

    def __init__(self, version: int) -> None:
        super().__init__(
            f"The ServiceNow connection has changed: it is at version {version} now. "
            "Read it again before changing it."
        )


class ConnectionIncompleteError(ActionSyncError):
    """The connection's secret is missing, or belongs to another host or user."""

    def __init__(self) -> None:
        super().__init__(
            "The stored ServiceNow connection has no password of its own. "
            "Save it again, with the password."
        )


class SigningKeyError(ConnectionIncompleteError):
    """The key that signs for the connection is not there, or may not be used.

    Args:
        alias: the key's alias.
        code: what KMS says.
    """

    def __init__(self, alias: str, code: str) -> None:
        Exception.__init__(
            self,
            f"AWS KMS does not sign for this connection ({code}): {alias} has to name an RSA key "
            "for SIGN_VERIFY, whose policy lets the account's own policies decide.",
        )


class PendingMissingError(ActionSyncError):
    """The connection has no pending version."""

    def __init__(self, name: str) -> None:
        super().__init__(
            "This connection has no pending version. "
            f"Store one with PUT /api/servicenow/connections/{name}?pending=true."
        )


class PendingRefusedError(ActionSyncError):
    """The pending version does not sign in; the connection stays as it is."""

    def __init__(self, said: str) -> None:
        super().__init__(f"The pending version does not sign in, and is not promoted: {said}")


class IdempotencyKeyReusedError(ActionSyncError):
    """The idempotency key came with another request before."""

    def __init__(self) -> None:
        super().__init__("This Idempotency-Key came with a different request before.")


class WriteInProgressError(ActionSyncError):
    """The first request with this idempotency key has not ended.

    Args:
        retry_after: the seconds after which the first request has surely ended.
    """

    def __init__(self, retry_after: int) -> None:
        super().__init__(
            "The first request with this Idempotency-Key has not ended. "
            f"Try again in {retry_after} seconds."
        )
        self.retry_after = retry_after


class ImportUncertainError(ActionSyncError):
    """A first request with this idempotency key died, and may have imported its row."""

    def __init__(self) -> None:
        super().__init__(
            "The first request with this Idempotency-Key ended unexpectedly and may have imported "
            "the row. Look into the target table, then use another key where the row is missing."
        )


class TooManyRequestsError(ActionSyncError):
    """The user asks for more than a minute allows.

    Args:
        what: what is counted.
        limit: how many a minute allows.
        retry_after: the seconds until the next one.
    """

    def __init__(self, what: str, limit: int, retry_after: int) -> None:
        super().__init__(
            f"You may ask for {limit} {what} a minute. Try again in {retry_after} seconds."
        )
        self.retry_after = retry_after


class DocumentChangedError(ActionSyncError):
    """A document is not at the version that the caller has read.

    Args:
        version: the one that is stored; 0 for none.
    """

    def __init__(self, version: int) -> None:
        super().__init__(
            f"It has changed: it is at version {version} now. Read it again before changing it."
        )
        self.version = version


class RecipeNotFoundError(ActionSyncError):
    """The user has no such recipe."""

    def __init__(self) -> None:
        super().__init__("There is no such recipe.")


class TooManyRecipesError(ActionSyncError):
    """The user has as many recipes as one may have."""

    def __init__(self, most: int) -> None:
        super().__init__(f"There are {most} recipes already: remove one first.")


class UnfinishedEventNotFoundError(ActionSyncError):
    """The user has no such event that waits or has failed."""

    def __init__(self) -> None:
        super().__init__(
            "You have no such unfinished event. GET /api/servicenow/unfinished-events lists yours."
        )


class EventInProgressError(ActionSyncError):
    """Somebody is at the event right now.

    Args:
        retry_after: the seconds after which that has surely ended.
    """

    def __init__(self, retry_after: int) -> None:
        super().__init__(
            f"This event is being processed right now. Try again in {retry_after} seconds."
        )
        self.retry_after = retry_after


class AddressTakenError(ActionSyncError):
    """Another user has named the address."""

    def __init__(self) -> None:
        super().__init__(
            "Another user has named this address. Name one of your own; with most providers "
            "name+anything@example.com reaches name@example.com."
        )


class GateNotFoundError(ActionSyncError):
    """The user has no such gate."""

    def __init__(self) -> None:
        super().__init__("You have no such gate. GET /api/servicenow/gates lists yours.")


class WebhookNotFoundError(ActionSyncError):
    """The user has no such webhook."""

    def __init__(self) -> None:
        super().__init__(
            "You have no such webhook. GET /api/servicenow/webhooks/{source} lists yours."
        )


class WebhookExistsError(ActionSyncError):
    """The user has a webhook of that name."""

    def __init__(self, name: str) -> None:
        super().__init__(f"You have a webhook of this source that is called {name!r} already.")


class TooManyWebhooksError(ActionSyncError):
    """The user has as many webhooks as one may have."""

    def __init__(self, most: int) -> None:
        super().__init__(f"You have {most} webhooks, as many as one may have. Remove one first.")


class DeliveryNotFoundError(ActionSyncError):
    """The webhook has no such delivery, or its body was not stored."""

    def __init__(self) -> None:
        super().__init__(
            "The webhook has no such delivery that can be sent again. Its deliveries are listed "
            "for seven days, the last 20 of them, without bodies that were too large."
        )


class WebhookRefusedError(ActionSyncError):
    """No such webhook, or a wrong signature: the answer does not say which."""

    def __init__(self) -> None:
        super().__init__("There is no such webhook, or its signature or secret is wrong.")


class QueueRefusedError(ActionSyncError):
    """A delivery could not be queued: its sender may send it again.

    Args:
        retry_after: the seconds after which it may.
    """

    def __init__(self, retry_after: int = 30) -> None:
        super().__init__(f"It could not be queued. Send it again in {retry_after} seconds.")
        self.retry_after = retry_after
