"""Signed tokens (JWT, RFC 7523) by which a connection signs in: AWS KMS holds the key.

A connection never says which key: its own alias does, which whoever has rights on the account's
keys points at one. So no owner signs with another's key, whatever they know of it.
"""

import base64
import json
import uuid
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from actionsync import clock
from actionsync.errors import SigningKeyError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from actionsync.stores.credentials import Identity

_GOOD_SECONDS = 600
# What somebody with rights on the key has to put right.
_NOT_USABLE = frozenset(
    {
        "AccessDeniedException",
        "DisabledException",
        "InvalidKeyUsageException",
        "KMSInvalidStateException",
        "NotFoundException",
        "ValidationException",
    }
)


class KmsSigner:
    """Signs for connections, each with the key of its own alias.

    Args:
        kms: returns the KMS client; who signs in otherwise needs none.
        alias: returns the alias of the key of a connection, by the key's id in ServiceNow.
    """

    def __init__(self, kms: "Callable[[], Any]", alias: "Callable[[int, str], str]") -> None:
        self._kms = kms
        self._alias = alias

    def assertion(self, connection_id: int, identity: "Identity") -> str:
        """Return a token that stands for the connection's user for ten minutes.

        Raises:
            SigningKeyError: there is no such key, or it may not be used.
        """
        now = clock.now_epoch()
        signed = ".".join(
            [
                _part({"alg": "RS256", "typ": "JWT", "kid": identity.key_id}),
                _part(
                    {
                        "iss": identity.client_id,
                        "aud": identity.client_id,
                        "sub": identity.username,
                        "iat": now,
                        "exp": now + _GOOD_SECONDS,
                        "jti": uuid.uuid4().hex,
                    }
                ),
            ]
        )
        alias = self._alias(connection_id, identity.key_id)
        try:
            signature = self._kms().sign(
                KeyId=alias,
                Message=signed.encode(),
                MessageType="RAW",
                SigningAlgorithm="RSASSA_PKCS1_V1_5_SHA_256",
            )["Signature"]
        except ClientError as error:
            if error.response["Error"]["Code"] in _NOT_USABLE:
                raise SigningKeyError(alias, error.response["Error"]["Code"]) from error
            raise
        return f"{signed}.{_base64(signature)}"


def _part(document: "Mapping[str, str | int]") -> str:
    return _base64(json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode())


def _base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
