"""An assistant in the stack: each caller's own connection and events, and nothing more."""

import json
import re
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest
import typer
from mcp import MCPError

from actionsync.tickets.types import TABLES
from local.servicenow import Fault, faults, seed
from servicenow_tools.cli import commands
from servicenow_tools.mcp.prompts import PROMPTS
from tests.conftest import _forget, call, event, invoke
from tests.integration.assistants import Assistant, use
from tests.integration.conftest import connect
from tests.integration.events import USER, Queues, error, send
from tests.template import ROOT

if TYPE_CHECKING:
    from local.servicenow import Simulator
    from tests.conftest import Aws

READS = {
    "search_tickets", "show_ticket", "list_notes", "search_knowledge", "list_choices",
    "show_service", "find_events", "list_unfinished_events", "list_activity",
    "list_gates",
}  # fmt: skip
WRITES = {"create_incident", "add_work_note", "resolve_incident"}
SCOPE = "actionsync/tickets"


@pytest.fixture
def may_write(monkeypatch: pytest.MonkeyPatch) -> None:
    """Assistants of callers with the scope may write."""
    monkeypatch.setenv("ASSISTANT_WRITE_SCOPE", SCOPE)


@pytest.mark.parametrize("mode", ["auto", "legacy"])
def test_what_is_listed(connected: "Simulator", mode: str) -> None:
    """What reads; all tables of tickets, and no others: the stack allows no writes."""

    async def work(assistant: Assistant) -> None:
        listed = {tool.name: tool for tool in (await assistant.client.list_tools()).tools}
        assert set(listed) == READS
        schema = listed["search_tickets"].input_schema
        assert schema["properties"]["table"]["enum"] == list(TABLES.values())
        found = await assistant.found("search_tickets", table="incident", limit=1)
        assert len(found["records"]) == 1

    use(work, mode=mode, scope=f"openid {SCOPE}")


@pytest.mark.usefixtures("may_write", "connected")
@pytest.mark.parametrize("scope", ["", "openid email", SCOPE.upper()])
def test_writing_needs_the_scope(scope: str) -> None:
    """Where the stack allows it at all: without it there are no such tools."""

    async def work(assistant: Assistant) -> None:
        assert await assistant.tools() == READS
        with pytest.raises(MCPError, match="no tool"):
            await assistant.found(
                "add_work_note", table="incident", id="INC0000001", note="x", correlation_id="1"
            )

    use(work, scope=scope)


@pytest.mark.usefixtures("may_write")
def test_writes_are_the_owners_and_audited(connected: "Simulator") -> None:
    """Once for a correlation_id, with the rights of the connection's user, and in the trail."""

    async def work(assistant: Assistant) -> None:
        assert await assistant.tools() == READS | WRITES
        new = {"short_description": "Relay is down", "cmdb_ci": "lnux100", "correlation_id": "a"}
        preview = await assistant.found("create_incident", **new, preview=True)
        assert preview["would_write"]["columns"]["cmdb_ci"] == seed.sys_id("lnux100")
        made = await assistant.found("create_incident", **new)
        again = await assistant.found("create_incident", **new)
        assert made == again
        other = {**new, "short_description": "Another"}
        assert (
            "was used before" in (refused := await assistant.refused("create_incident", **other))
            or "key" in refused.lower()
        )
        number = made["ticket"]["number"]
        for _ in range(2):
            await assistant.found(
                "add_work_note", table="incident", id=number, note="Seen.", correlation_id="b"
            )
        end = {"id": number, "close_notes": "Failed over.", "correlation_id": "c"}
        await assistant.found("resolve_incident", **end, close_code="Duplicate")
        trail = (await assistant.found("list_activity"))["records"]
        assert [(record["action"], record["number"]) for record in trail[:3]] == [
            ("resolved", number), ("noted", number), ("created", number)
        ]  # fmt: skip

    use(work, scope=f"openid {SCOPE}")
    row = connected.one("incident", short_description="Relay is down")
    assert (row["correlation_id"], row["close_code"]) == ("a", "Duplicate")
    notes = [
        note["value"]
        for note in connected.records("sys_journal_field")
        if note["element_id"] == row["sys_id"]
    ]
    assert notes.count("Seen.") == 1


def test_users_do_not_meet(aws: "Aws", simulator: "Simulator") -> None:
    """Each has the own connection, and none sees the other's events, trail or cursors."""
    names = ("ada", "grace")
    for name in names:
        simulator.instance.add_user(name, f"{name}-password", "itil")
        body = {"instance_url": simulator.url, "username": name, "password": f"{name}-password"}
        assert call("create_config", body, user_id=name).status == 201
    cursors: dict[str, str] = {}

    async def work(assistant: Assistant) -> None:
        await assistant.found("show_ticket", table="incident", id="INC0000001")
        trail = await assistant.found("list_activity", limit=1)
        assert {record["owner"] for record in trail["records"] if "owner" in record} <= {me}
        if theirs := cursors.get("ada"):
            assert "cursor" in await assistant.refused("list_activity", limit=1, cursor=theirs)
        cursors[me] = trail["next_cursor"] or ""

    for me in names:
        call("update_rules", {}, user_id=me, headers={})
        call("update_rules", {}, user_id=me, headers={})
        simulator.requests.clear()
        use(work, sub=me)
        assert {request.user for request in simulator.requests} == {me}


def test_what_became_of_an_event(
    aws: "Aws", connected: "Simulator", monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its ticket, or why it waits, in ServiceNow's own words; page by page."""
    Queues(monkeypatch)
    connect(connected, seed.INTEGRATION_USER, user_id=USER)
    send("error", error())
    connected.faults.add(faults.rate_limited(100, method="POST", times=None))
    send("error", error(service="search"))
    connected.faults.clear()

    async def work(assistant: Assistant) -> None:
        (made,) = (await assistant.found("find_events", outcome="created"))["events"]
        assert made["ticket"]["number"].startswith("INC")
        assert "event" not in made
        (same,) = (await assistant.found("find_events", ticket=made["ticket"]["number"]))["events"]
        assert same == made
        first = await assistant.found("find_events", limit=1)
        rest = await assistant.found("find_events", limit=5, cursor=first["next_cursor"])
        assert len(rest["events"]) == 1
        assert rest["next_cursor"] is None
        assert (await assistant.found("find_events", name="nothing"))["events"] == []
        assert (await assistant.found("find_events", source="nothing"))["events"] == []
        (waits,) = (await assistant.found("list_unfinished_events", state="waiting"))["events"]
        assert waits["reason_type"] == "RateLimited"
        trail = await assistant.found("list_activity", action="created", since="2020-01-01")
        assert trail["records"][0]["number"] == made["ticket"]["number"]
        assert "since" in await assistant.refused("list_activity", since="someday")

    use(work, sub=USER)


def test_what_waits_at_a_gate(connected: "Simulator", monkeypatch: pytest.MonkeyPatch) -> None:
    """The caller's own, with the state and for what it waits."""
    Queues(monkeypatch)
    opened = invoke("gate_deployment", event("gate_deployment"))
    assert opened.status == 201

    async def work(assistant: Assistant) -> None:
        (gate,) = (await assistant.found("list_gates"))["gates"]
        assert (gate["id"], gate["state"]) == (opened.json["id"], "waiting")
        assert "url" not in gate
        text = await assistant.refused("list_gates", connection="team/nobodys")
        assert "team" in text

    async def another(assistant: Assistant) -> None:
        assert (await assistant.found("list_gates"))["gates"] == []

    use(work)
    use(another, sub="somebody-else")


def test_failures_say_what_they_mean(
    aws: "Aws", connected: "Simulator", monkeypatch: pytest.MonkeyPatch
) -> None:
    """No connection, an instance that is away, 5 MB, too many calls: each in words."""

    async def without(assistant: Assistant) -> None:
        assert "onnection" in await assistant.refused("search_tickets", table="incident")
        text = await assistant.refused("search_tickets", table="incident", connection="other")
        assert "onnection" in text

    async def work(assistant: Assistant) -> None:
        ticket = {"table": "incident", "id": "INC0000001"}
        connected.faults.add(Fault(status=200, body={"result": "x" * 5_000_000}))
        assert "4 MiB" in await assistant.refused("show_ticket", **ticket)
        connected.faults.add(faults.hibernating(times=None))
        assert "Hibernating" in await assistant.refused("show_ticket", **ticket)
        connected.faults.clear()
        assert "service-now" not in await assistant.refused("list_choices", table="x", column="y")

    async def often(assistant: Assistant) -> None:
        assert "minute" in await assistant.refused("list_activity")

    use(without, sub="nobody")
    use(work)
    monkeypatch.setenv("READS_PER_MINUTE", "1")
    _forget()
    use(often)


@pytest.mark.usefixtures("aws")
def test_what_is_no_message() -> None:
    """Refused as the protocol says, before any tool; as is who is not signed in."""
    payload = event("answer_assistant", "invalid_message")
    assert invoke("answer_assistant", payload).status == 400
    plain = event("answer_assistant")
    plain["headers"]["content-type"] = "text/plain"
    assert invoke("answer_assistant", plain).status == 400
    large = event("answer_assistant") | {"body": json.dumps({"x": "y" * 300_000})}
    assert invoke("answer_assistant", large).status == 413
    assert invoke(
        "answer_assistant", event("answer_assistant", "invalid_not_signed_in")
    ).status == (401)
    noticed = event("answer_assistant") | {
        "body": json.dumps({"jsonrpc": "2.0", "method": "notifications/initialized"})
    }
    assert invoke("answer_assistant", noticed).status == 202
    ours = event("answer_assistant")
    ours["requestContext"]["authorizer"]["jwt"]["claims"]["token_use"] = "id"
    assert invoke("answer_assistant", ours).status == 401


def test_where_tokens_come_from(monkeypatch: pytest.MonkeyPatch) -> None:
    """RFC 9728: the address, the issuer, and the scopes that the stack knows."""
    name = "valid_show_protected_resource"
    document = invoke("show_page", event("show_page", name)).json
    assert document == {
        "resource": "https://example.execute-api.us-east-1.amazonaws.com/mcp",
        "resource_name": "ActionSync for ServiceNow",
        "authorization_servers": ["https://issuer.example.com"],
        "bearer_methods_supported": ["header"],
    }
    monkeypatch.setenv("ASSISTANT_WRITE_SCOPE", SCOPE)
    answer = invoke("show_page", event("show_page", name))
    assert answer.json["scopes_supported"] == [SCOPE]
    assert answer.headers["access-control-allow-origin"] == "*"


def test_the_guide_names_the_tools() -> None:
    """Each with what it needs, as they are listed; and the addresses that it shows answer."""
    text = (ROOT / "docs/assistants.md").read_text()
    rows = dict(re.findall(r"^\| `(\w+)` \| .* \| ([\w ]+) \|$", text, re.MULTILINE))
    assert {name for name, where in rows.items() if where != "where allowed"} == READS
    assert {name for name, where in rows.items() if where == "where allowed"} == WRITES
    own, stack = (
        json.loads(block)["mcpServers"]
        for block in re.findall(r"```json\n(.*?)```", text, re.DOTALL)
    )
    assert urlsplit(stack["actionsync"]["url"]).path == "/mcp"
    listed = vars(typer.main.get_command(commands.app))["commands"]
    served = listed[own["servicenow"]["args"][0]]
    named = {option for parameter in served.params for option in parameter.opts}
    assert {"--allow-writes", "--tables"} <= named
    assert {prompt.name for prompt in PROMPTS} <= set(re.findall(r"`(\w+)`", text))
