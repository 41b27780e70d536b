"""Keys of AWS KMS that sign for connections."""

from typing import TYPE_CHECKING

import boto3
from cryptography.hazmat.primitives import serialization

from local.servicenow.access import Application

if TYPE_CHECKING:
    from local.servicenow import Simulator


def make_key(alias: str) -> str:
    """Point an alias at a new key of the account, and return its public half."""
    kms = boto3.client("kms")
    key = kms.create_key(KeySpec="RSA_2048", KeyUsage="SIGN_VERIFY")["KeyMetadata"]["KeyId"]
    kms.create_alias(AliasName=alias, TargetKeyId=key)
    public = serialization.load_der_public_key(kms.get_public_key(KeyId=key)["PublicKey"])
    return public.public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    ).decode()


def register(simulator: "Simulator", public_key: str) -> None:
    """Let the instance take what a key signs, and nothing else."""
    simulator.instance.access.tokens.clear()
    simulator.instance.add_application(Application("an-id", "a-secret", public_key=public_key))
