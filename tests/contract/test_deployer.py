"""The deployer may do what CloudFormation does for this stack, and its policies are sound."""

import copy
import json
from fnmatch import fnmatchcase
from functools import cache
from typing import Any

from local import account
from local.cloud import PYTHON, TOOLS
from operate.gradual import gradual
from tests.template import ROOT

DEPLOYER = account.read(ROOT / "deploy/deployer.yaml")
SCHEMAS = TOOLS / "sam/lib" / PYTHON / "site-packages/cfnlint/data/schemas/resources"

# What CloudFormation's types name for options that this template does not use.
NOT_USED = (
    "apigateway:TagResource", "apigateway:UntagResource", "apigateway:*CertificateToDomain",
    "apigateway:RemoveCertificateFromDomain", "cloudfront:*",
    "elasticfilesystem:*", "firehose:*", "kinesis:*", "kms:ListAliases",
    "s3files:*", "s3:GetObjectMetadata", "s3:REST.PUT.OBJECT", "s3:getObject",
    "codedeploy:RegisterOnPremisesInstance", "cognito-idp:AddCustomAttributes",
    # Tables: items, replicas, imports, streams, policies and contributor insights.
    "dynamodb:*Item*", "dynamodb:Query", "dynamodb:Scan", "dynamodb:*Replica",
    "dynamodb:*Import*", "dynamodb:*KinesisStreamingDestination", "dynamodb:PutResourcePolicy",
    "dynamodb:DeleteResourcePolicy", "dynamodb:UpdateContributorInsights",
    "events:PutPermission", "events:RemovePermission",
    # Roles: groups, users, permissions boundaries.
    "iam:*Group*", "iam:*User*", "iam:*PermissionsBoundary", "iam:CreateServiceLinkedRole",
    # Functions: code signing, provisioned concurrency, pinned runtimes, capacity providers.
    "lambda:AssociateRuntimeAlias", "lambda:*CodeSigningConfig", "lambda:*ProvisionedConcurrency*",
    "lambda:PutRuntimeManagementConfig", "lambda:PassCapacityProvider", "lambda:*ScalingConfig",
    # Log groups: data protection, indexes, streams, tokens.
    "logs:*DataProtectionPolicy", "logs:*IndexPolicy", "logs:*LogStream*", "logs:PutLogEvents",
    "logs:DeleteResourcePolicy", "logs:PutBearerTokenAuthentication",
    "logs:PutLogGroupDeletionProtection", "sns:PutDataProtectionPolicy",
)  # fmt: skip


@cache
def allowed() -> tuple[str, ...]:
    """Return the actions that the deployer's policies allow, as patterns."""
    documents = [
        resource["Properties"]["PolicyDocument"]
        for resource in DEPLOYER["Resources"].values()
        if resource["Type"] == "AWS::IAM::ManagedPolicy"
    ]
    actions = [statement["Action"] for document in documents for statement in document["Statement"]]
    return tuple(name for each in actions for name in (each if isinstance(each, list) else [each]))


@cache
def handlers() -> dict[str, set[str]]:
    """Return what CloudFormation calls to make, read, change and delete a resource, by type."""
    found = {}
    for file in SCHEMAS.glob("*.json"):
        schema: dict[str, Any] = json.loads(file.read_text())
        found[schema["typeName"]] = {
            action
            for name in ("create", "read", "update", "delete")
            for action in schema.get("handlers", {}).get(name, {}).get("permissions", [])
        }
    return found


def test_the_deployer_may_do_what_cloudformation_does() -> None:
    """CloudFormation acts with the deployer's rights: each call of a type's handlers is allowed.

    Of the types of resources that the stack has, deployed plain or gradually.
    """
    template = account.read(ROOT / "template.yaml")
    types = {
        resource["Type"]
        for each in (template, gradual(copy.deepcopy(template)))
        for resource in account.translated(each)["Resources"].values()
    }
    assert len(types) > 20
    missing = {
        (type_name, action)
        for type_name in types
        for action in handlers()[type_name]
        if not any(fnmatchcase(action, pattern) for pattern in (*allowed(), *NOT_USED))
    }
    assert not missing


# The macro's owner is `aws` (SAM developer guide: Managing resource access); the action is newer
# than parliament's data.
NOT_KNOWN_TO_PARLIAMENT = ("transform/Serverless-2016-10-31", "ListUserPoolClientSecrets")


def test_the_policies_are_sound() -> None:
    """They fit into managed policies, and parliament finds nothing wrong."""
    assert not list(account.over_quota(DEPLOYER))
    assert not [
        finding
        for finding in account.refused_policies(DEPLOYER["Resources"])
        if not any(known in finding for known in NOT_KNOWN_TO_PARLIAMENT)
    ]


def test_only_one_repository_and_environment_may_deploy() -> None:
    """GitHub's token must name both, whole: no pattern lets another repository in."""
    role = DEPLOYER["Resources"]["GitHubRole"]["Properties"]["AssumeRolePolicyDocument"]
    (statement,) = role["Statement"]
    assert list(statement["Condition"]) == ["StringEquals"]
    claims = statement["Condition"]["StringEquals"]
    subject = claims["token.actions.githubusercontent.com:sub"]["Fn::Sub"]
    assert subject == "repo:${Repository}:environment:${GitHubEnvironment}"
    assert claims["token.actions.githubusercontent.com:aud"] == "sts.amazonaws.com"
