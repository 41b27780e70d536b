"""Assistants of a deployed stack, by the client of the package `mcp`."""

import asyncio
from typing import TYPE_CHECKING, Any

import httpx2
from mcp import Client
from mcp.client.streamable_http import streamable_http_client

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from local.cloud import LocalCloud
    from tests.e2e.conftest import User


def use(
    cloud: "LocalCloud", token: str, work: "Callable[[Client], Coroutine[Any, Any, None]]"
) -> None:
    """Let an assistant with a token work."""

    async def run() -> None:
        headers = {"Authorization": f"Bearer {token}"}
        async with (
            httpx2.AsyncClient(headers=headers, timeout=60, trust_env=False) as http,
            Client(streamable_http_client(f"{cloud.api_url}/mcp", http_client=http)) as client,
        ):
            await work(client)

    asyncio.run(run())


def test_each_has_the_own_connection(cloud: "LocalCloud", new_user: "Callable[[], User]") -> None:
    """Signed in as the connection's user; without one, told so; nothing that writes is listed."""
    ada, bob = new_user(), new_user()
    ada.connect(cloud)
    made = ada.call("POST", "incidents", {"short_description": "Ada's"}).json()

    async def read(client: Client) -> None:
        assert "add_work_note" not in {tool.name for tool in (await client.list_tools()).tools}
        arguments = {"table": "incident", "id": made["number"]}
        shown = await client.call_tool("show_ticket", arguments)
        assert shown.structured_content["from_outside"]["ticket"]["short_description"] == "Ada's"
        trail = await client.call_tool("list_activity", {"action": "created"})
        records = trail.structured_content["from_outside"]["records"]
        assert [record["number"] for record in records] == [made["number"]]

    async def without(client: Client) -> None:
        arguments = {"table": "incident", "id": made["number"]}
        assert (await client.call_tool("show_ticket", arguments)).is_error
        trail = await client.call_tool("list_activity", {})
        assert trail.structured_content["from_outside"]["records"] == []

    use(cloud, ada.token, read)
    use(cloud, bob.token, without)


def test_a_token_of_another_client_opens_nothing(
    cloud: "LocalCloud", new_user: "Callable[[], User]"
) -> None:
    """Of the same pool, but none of the audiences; where to sign in is open to anybody."""
    cognito, pool = cloud.client("cognito-idp"), cloud.outputs["UserPoolId"]
    other = cognito.create_user_pool_client(
        UserPoolId=pool, ClientName="other", ExplicitAuthFlows=["ALLOW_ADMIN_USER_PASSWORD_AUTH"]
    )["UserPoolClient"]["ClientId"]
    parameters = {"USERNAME": "m@example.com", "PASSWORD": cloud.make_user("m@example.com")}
    token = cognito.admin_initiate_auth(
        UserPoolId=pool,
        ClientId=other,
        AuthFlow="ADMIN_USER_PASSWORD_AUTH",
        AuthParameters=parameters,
    )["AuthenticationResult"]["AccessToken"]
    message = {"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {}}
    for given, status in ((token, 401), (None, 401), (new_user().token, 200)):
        with cloud.http(given) as http:
            accept = {"Accept": "application/json, text/event-stream"}
            assert http.post("/mcp", json=message, headers=accept).status_code == status
    with cloud.http() as http:
        document = http.get("/.well-known/oauth-protected-resource/mcp").json()
    assert document["resource"].endswith("/mcp")
    assert document["authorization_servers"][0].endswith(pool)
