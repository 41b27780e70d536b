"""The HTTP API's routes, where the local AWS does not make them.

SAM turns `AWS::Serverless::HttpApi` into an `AWS::ApiGatewayV2::Api` whose routes stand in an
OpenAPI `Body`. AWS reads that body; MiniStack makes the API and the stage only. So the routes are
made here from the same processed template that AWS would read.
"""

import contextlib
import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mypy_boto3_apigatewayv2.client import ApiGatewayV2Client
    from mypy_boto3_cloudformation.client import CloudFormationClient

_METHODS = {"get", "post", "put", "patch", "delete", "head", "options"}


@dataclass(frozen=True, slots=True)
class Route:
    """A route of the HTTP API.

    Attributes:
        key: method and path, as `GET /api/servicenow/config`.
        function: logical id of the function behind it.
        authorizer: name of the authorizer before it, or None where anybody may call.
    """

    key: str
    function: str
    authorizer: str | None


def make_routes(
    cloudformation: "CloudFormationClient", apigateway: "ApiGatewayV2Client", stack: str
) -> list[Route]:
    """Make the routes and authorizers of a stack's HTTP API, and return the routes.

    Args:
        cloudformation: where the stack is.
        apigateway: where its API is.
        stack: the stack's name.
    """
    ids = {
        resource["LogicalResourceId"]: resource["PhysicalResourceId"]
        for page in cloudformation.get_paginator("list_stack_resources").paginate(StackName=stack)
        for resource in page["StackResourceSummaries"]
    }
    functions = {
        name: function_id for name, function_id in ids.items() if name.endswith("Function")
    }
    # The stubs promise a dict; for a template that was written in JSON it is one.
    template: dict[str, Any] = json.loads(
        json.dumps(
            cloudformation.get_template(StackName=stack, TemplateStage="Processed")["TemplateBody"]
        )
    )
    logical_id, api = next(
        (name, resource)
        for name, resource in template["Resources"].items()
        if resource["Type"] == "AWS::ApiGatewayV2::Api"
    )
    api_id = ids[logical_id]
    routes = routes_of(api["Properties"]["Body"])
    existing = {item["RouteKey"] for item in apigateway.get_routes(ApiId=api_id)["Items"]}
    authorizers = {
        item["Name"]: item["AuthorizerId"]
        for item in apigateway.get_authorizers(ApiId=api_id)["Items"]
    }
    schemes = api["Properties"]["Body"]["components"]["securitySchemes"]
    for name, scheme in schemes.items():
        if name not in authorizers:
            configuration = _resolved(
                scheme["x-amazon-apigateway-authorizer"]["jwtConfiguration"], ids
            )
            authorizers[name] = apigateway.create_authorizer(
                ApiId=api_id,
                AuthorizerType="JWT",
                IdentitySource=["$request.header.Authorization"],
                Name=name,
                JwtConfiguration={
                    "Issuer": configuration["issuer"],
                    "Audience": configuration["audience"],
                },
            )["AuthorizerId"]
    for route in routes:
        if route.key in existing:
            continue
        integration = apigateway.create_integration(
            ApiId=api_id,
            IntegrationType="AWS_PROXY",
            PayloadFormatVersion="2.0",
            IntegrationUri=f"arn:aws:lambda:us-east-1:000000000000:function:"
            f"{functions[route.function]}",
        )
        guard = (
            {"AuthorizationType": "JWT", "AuthorizerId": authorizers[route.authorizer]}
            if route.authorizer
            else {}
        )
        apigateway.create_route(
            ApiId=api_id,
            RouteKey=route.key,
            Target=f"integrations/{integration['IntegrationId']}",
            **guard,  # type: ignore[arg-type] # the stubs want a literal
        )
    return routes


def routes_of(body: dict[str, Any]) -> list[Route]:
    """Return the routes of an API's OpenAPI body."""
    return [
        Route(
            key=f"{method.upper()} {path}",
            function=_function(operation["x-amazon-apigateway-integration"]["uri"]),
            # SAM writes `Authorizer: NONE` as a scheme of that name.
            authorizer=next(
                (name for part in operation.get("security", []) for name in part if name != "NONE"),
                None,
            ),
        )
        for path, operations in body["paths"].items()
        for method, operation in operations.items()
        if method in _METHODS
    ]


def _function(uri: dict[str, Any]) -> str:
    """Return the logical id in `...functions/${GetConfigFunction.Arn}/invocations`."""
    (logical_id,) = re.findall(r"\$\{(\w+)\.Arn\}", uri["Fn::Sub"])
    return str(logical_id)


def _resolved(value: Any, ids: dict[str, str]) -> Any:
    """Evaluate the intrinsics that the authorizer's configuration uses; the pool is our own."""
    if not isinstance(value, dict):
        return [_resolved(item, ids) for item in value] if isinstance(value, list) else value
    if "Fn::If" in value:
        _, then, otherwise = value["Fn::If"]
        with contextlib.suppress(KeyError):  # it may name what this stack does not have
            return _resolved(then, ids)
        return _resolved(otherwise, ids)
    if "Ref" in value:
        return ids[value["Ref"]]
    if "Fn::Sub" in value:
        text: str = value["Fn::Sub"].replace("${AWS::Region}", "us-east-1")
        for name, physical_id in ids.items():
            text = text.replace(f"${{{name}}}", physical_id)
        return text
    return {name: _resolved(item, ids) for name, item in value.items()}
