"""The simulator, against what ServiceNow's documentation and recordings show."""

import re
import ssl
import time
from typing import Any

import httpx
import pytest

from local.servicenow import Instance, Simulator, faults, query, seed
from local.servicenow.query import Condition

TABLE = "/api/now/table/incident"


def _client(simulator: Simulator, username: str, password: str | None = None) -> httpx.Client:
    return httpx.Client(
        base_url=simulator.url,
        verify=ssl.create_default_context(cafile=simulator.ca_file),
        auth=(username, seed.USERS[username][0] if password is None else password),
    )


def _result(answer: httpx.Response) -> Any:
    assert answer.is_success, answer.text
    return answer.json()["result"]


def test_a_create_is_answered_as_recorded(http: httpx.Client) -> None:
    """201, Location in the version that was called, all values text, references as links."""
    body = {"short_description": "x", "assignment_group": seed.sys_id("Network"), "bunk_field": 1}
    answer = http.post("/api/now/v2/table/incident", json=body)
    record = _result(answer)
    assert answer.status_code == 201
    assert answer.headers["location"].endswith(f"/api/now/v2/table/incident/{record['sys_id']}")
    assert record["number"] == "INC0010001"
    assert (record["impact"], record["urgency"], record["priority"]) == ("3", "3", "5")
    assert record["assignment_group"]["value"] == seed.sys_id("Network")
    assert record["assignment_group"]["link"].endswith(f"/sys_user_group/{seed.sys_id('Network')}")
    assert record["assigned_to"] == ""
    assert "bunk_field" not in record
    assert all(isinstance(value, str | dict) for value in record.values())


@pytest.mark.parametrize(
    ("display", "links", "shown"),
    [
        ("false", True, {"link", "value"}),
        ("true", True, {"display_value", "link"}),
        ("all", True, {"display_value", "value", "link"}),
        ("all", False, {"display_value", "value"}),
        ("False", False, seed.sys_id("Software")),
        ("true", False, "Software"),
    ],
)
def test_references_have_each_form(
    http: httpx.Client, display: str, *, links: bool, shown: object
) -> None:
    """The two parameters decide how a reference looks (documentation: Table API)."""
    record = _result(
        http.get(
            f"{TABLE}/{seed.sys_id('incident 1')}",
            params={
                "sysparm_display_value": display,
                "sysparm_exclude_reference_link": "false" if links else "True",
            },
        )
    )
    group = record["assignment_group"]
    assert (set(group) if isinstance(group, dict) else group) == shown


def test_pages_have_links(http: httpx.Client) -> None:
    """Link and X-Total-Count are as recorded, the first page's odd prev among them."""
    answer = http.get(TABLE, params={"sysparm_query": "active=true", "sysparm_limit": "1"})
    links = {
        name: re.search(r"sysparm_offset=(-?\d+)", url)[1]  # type: ignore[index]
        for url, name in re.findall(r'<([^>]+)>;rel="(\w+)"', answer.headers["link"])
    }
    assert answer.headers["x-total-count"] == "6"
    assert links == {"first": "0", "prev": "-1", "next": "1", "last": "5"}
    last = http.get(TABLE, params={"sysparm_limit": "10"})
    assert 'rel="next"' not in last.headers["link"]
    bare = {"sysparm_no_count": "true", "sysparm_suppress_pagination_header": "true"}
    assert not {"link", "x-total-count"} & set(http.get(TABLE, params=bare).headers)


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("", 7),
        ("bad=1", 7),
        ("bad=1^ORactive=true", 7),
        ("active=true^ORbad=1", 6),
        ("active=true^bad=1", 6),
        ("assignment_group.name=network", 2),
        ("assignment_group.name=Network^ORassignment_group.name=Database", 3),
        ("priority<3^NQstate=7", 5),
        ("priorityIN4,5", 2),
        ("priorityNOT IN4,5", 5),
        ("short_descriptionLIKEEMAIL", 2),
        ("short_descriptionSTARTSWITHcan't", 1),
        ("short_descriptionENDSWITHminutes", 1),
        ("short_descriptionNOT LIKEemail", 5),
        ("assigned_toISEMPTY", 7),
        ("assigned_toISNOTEMPTY", 0),
        ("assigned_to!=x", 7),
        ("priorityBETWEEN4@5", 2),
        ("numberANYTHING", 7),
        ("sys_created_by=javascript:gs.getUserName()", 0),
        ("number=INC0000001^EQ", 1),
        ("priority>=4^priority<=4", 1),
        ("nonsense", 7),
    ],
)
def test_a_query_finds_what_servicenow_would(http: httpx.Client, text: str, count: int) -> None:
    """Conditions, joins, and the invalid parts that are silently ignored."""
    assert len(_result(http.get(TABLE, params={"sysparm_query": text}))) == count


def test_a_doubled_caret_is_one() -> None:
    """The platform's escape for the separator (documentation: GlideStringUtil)."""
    parsed = query.parse("name=a^^b^x=1", lambda _: True)
    assert parsed.groups == (((Condition("name", "=", "a^b"),), (Condition("x", "=", "1"),)),)


def test_order_is_by_number_and_text(http: httpx.Client) -> None:
    """ORDERBY and ORDERBYDESC sort numbers as numbers, in the order named."""
    found = _result(http.get(TABLE, params={"sysparm_query": "ORDERBYDESCpriority^ORDERBYnumber"}))
    assert [row["priority"] for row in found] == ["5", "4", "1", "1", "1", "1", "1"]
    assert found[2]["number"] < found[3]["number"]


def test_name_value_filters_and_fields(http: httpx.Client) -> None:
    """Plain parameters filter; unknown ones are ignored; dot-walked fields come flat."""
    found = _result(
        http.get(
            TABLE,
            params={"number": "INC0000002", "sysparm_fields": "number,assignment_group.name,none"},
        )
    )
    assert found == [{"number": "INC0000002", "assignment_group.name": "Network"}]
    assert len(_result(http.get(TABLE, params={"no_such": "x"}))) == 7


def test_an_empty_result_depends_on_the_version(http: httpx.Client) -> None:
    """v1 answers 404, v2 and the default an empty list (documentation: Table API)."""
    params = {"sysparm_query": "number=INC9999999"}
    assert http.get("/api/now/v1/table/incident", params=params).status_code == 404
    assert _result(http.get("/api/now/v2/table/incident", params=params)) == []
    assert _result(http.get(TABLE, params=params)) == []


def test_journals_are_written_and_read_apart(http: httpx.Client) -> None:
    """A note is empty in the record, whole as display value, and an entry of its own table."""
    path = f"{TABLE}/{seed.sys_id('incident 1')}"
    for text in ("first", "second"):
        assert _result(http.patch(path, json={"work_notes": text}))["work_notes"] == ""
    shown = _result(http.get(path, params={"sysparm_display_value": "true"}))["work_notes"]
    assert re.fullmatch(
        r"\S+ \S+ - ActionSync Integration \(Work notes\)\nsecond\n\n"
        r"\S+ \S+ - ActionSync Integration \(Work notes\)\nfirst\n\n",
        shown,
    )
    entries = _result(
        http.get(
            "/api/now/table/sys_journal_field",
            params={"sysparm_query": f"element_id={seed.sys_id('incident 1')}"},
        )
    )
    assert [entry["value"] for entry in entries] == ["first", "second"]


@pytest.mark.parametrize(
    ("sent", "stored"),
    [
        ({"category": "nope"}, {"category": "inquiry"}),
        ({"category": ""}, {"category": "inquiry"}),
        ({"sys_created_by": "me"}, {"sys_created_by": seed.INTEGRATION_USER}),
        ({"short_description": "x" * 200}, {"short_description": "x" * 160}),
        ({"priority": "1"}, {"priority": "5"}),
        ({"assigned_to": "no value"}, {"assigned_to": "no value"}),
        ({"assigned_to": "x" * 50}, {"assigned_to": "x" * 32}),
        ({"assigned_to": {"link": "https://i", "value": "v"}},
         {"assigned_to": "{link=https://i, value=v}"}),
        ({"knowledge": True}, {"knowledge": "true"}),
        ({"opened_at": "yesterday"}, {}),
        ({"impact": 1, "urgency": 2}, {"priority": "2"}),
    ],
)  # fmt: skip
def test_what_a_write_keeps(
    simulator: Simulator, http: httpx.Client, sent: dict[str, Any], stored: dict[str, str]
) -> None:
    """Unknown choices and system columns are dropped, long text is cut, references unchecked."""
    made = _result(http.post(TABLE, json={"short_description": "x"} | sent))
    row = simulator.one("incident", sys_id=made["sys_id"])
    assert {name: row[name] for name in stored} == stored


def test_display_values_as_input(simulator: Simulator, http: httpx.Client) -> None:
    """With the parameter, names and labels are taken for what they mean; twins stay unresolved."""
    simulator.instance.put("sys_user_group", name="Twins")
    simulator.instance.put("sys_user_group", name="Twins")
    params = {"sysparm_input_display_value": "true"}
    made = _result(
        http.post(
            TABLE,
            params=params,
            json={"assignment_group": "Network", "category": "Software", "impact": "1 - High"},
        )
    )
    row = simulator.one("incident", sys_id=made["sys_id"])
    assert (row["assignment_group"], row["category"], row["impact"]) == (
        seed.sys_id("Network"), "software", "1",
    )  # fmt: skip
    made = _result(http.post(TABLE, params=params, json={"assignment_group": "Twins"}))
    assert made["assignment_group"]["value"] == "Twins"


def test_an_incidents_states(simulator: Simulator, http: httpx.Client) -> None:
    """Resolving needs code and notes, closing a role and Resolved first; Closed is the end."""
    path = f"{TABLE}/{seed.sys_id('incident 4')}"
    policy = "Data Policy Exception: \n\tThe following fields are mandatory: "
    for body, missing in (
        ({"state": "6"}, "Resolution code, Close notes"),
        ({"state": "6", "close_notes": "x", "close_code": "No such code"}, "Resolution code"),
    ):
        answer = http.patch(path, json=body)
        assert (answer.status_code, answer.json()["error"]["detail"]) == (403, policy + missing)
    done = {"state": "6", "close_notes": "x", "close_code": "User error"}
    assert _result(http.patch(path, json=done))["incident_state"] == "6"
    assert http.patch(path, json={"state": "7"}).status_code == 403
    assert _result(http.patch(path, json={"state": "2"}))["reopen_count"] == "1"
    with _client(simulator, "closer") as closer:
        assert closer.patch(path, json={"state": "7"} | done | {"state": "7"}).status_code == 403
        assert closer.patch(path, json=done).status_code == 200
        assert _result(closer.patch(path, json={"state": "7"}))["active"] == "false"
        reopened = closer.patch(path, json={"state": "2"})
    assert "aborted by Business Rule" in reopened.json()["error"]["detail"]


def test_a_changes_states(simulator: Simulator, http: httpx.Client) -> None:
    """A normal change goes by its approvals, step by step; skipping a state is aborted."""
    made = _result(
        http.post(
            "/api/sn_chg_rest/change/normal",
            json={"short_description": "x", "assignment_group": seed.sys_id("Network"), "u_x": 1},
        )
    )
    assert made["state"] == {"value": -5.0, "display_value": "New"}
    assert made["__meta"] == {"ignoredFields": ["u_x"]}
    path = f"/api/sn_chg_rest/change/{made['sys_id']['value']}"
    skipped = http.patch(path, json={"state": "-1"})
    assert skipped.status_code == 403
    assert "Change Model: Check State Transition" in skipped.json()["error"]["message"]
    assert _result(http.get(f"{path}/nextstates"))["available_states"] == ["-5", "-4", "4"]
    assert _result(http.patch(path, json={"state": "-4"}))["approval"]["value"] == "requested"
    with _client(simulator, "change.manager") as manager:
        for reached in (-3.0, -2.0):
            manager.patch(f"{path}/approvals", json={"state": "approved"})
            assert _result(http.get(path))["state"]["value"] == reached
    for state in ("-1", "0"):
        assert http.patch(path, json={"state": state}).status_code == 200
    assert "Close code" in http.patch(path, json={"state": "3"}).text
    closing = {"state": "3", "close_code": "successful", "close_notes": "x"}
    assert _result(http.patch(path, json=closing))["active"]["value"] is False


@pytest.mark.parametrize(
    ("username", "password"),
    [
        ("admin", "wrong"),
        ("unknown", "x"),
        ("inactive", "inactive-password"),
        ("sso.only", "sso-password"),
        ("fred.luddy", ""),
    ],
)
def test_every_refused_sign_in_looks_the_same(
    simulator: Simulator, username: str, password: str
) -> None:
    """Wrong, unknown, inactive or not allowed: the ordinary 401."""
    with _client(simulator, username, password) as client:
        answer = client.get(TABLE)
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == 'BASIC realm="Service-now"'
    assert answer.json()["error"] == {
        "message": "User Not Authenticated",
        "detail": "Required to provide Auth information",
    }


def test_a_password_is_hashed_only_as_a_display_value(simulator: Simulator) -> None:
    """Who may, sets it; sent as a plain value it fits nobody; no answer shows it."""
    account = simulator.instance.add_user("self.service", "older", "user_admin")
    path = f"/api/now/table/sys_user/{account.sys_id}"
    with _client(simulator, "self.service", "older") as http:
        answer = http.patch(path, json={"user_password": "n"}, params=_AS_DISPLAY_VALUE)
        assert _result(answer)["user_password"] == "********"
    with _client(simulator, "self.service", "n") as http:
        assert http.patch(path, json={"user_password": "m"}).status_code == 200
        assert http.get(path).status_code == 401
    with _client(simulator, "self.service", "m") as http:
        assert http.get(path).status_code == 401


_AS_DISPLAY_VALUE = {"sysparm_input_display_value": "true"}


def test_roles_decide(simulator: Simulator) -> None:
    """Without a role rows are hidden and writes refused; only an admin deletes."""
    with _client(simulator, "nobody") as nobody, _client(simulator, "reader") as reader:
        hidden = nobody.get(TABLE)
        assert (hidden.json()["result"], hidden.headers["x-total-count"]) == ([], "7")
        assert nobody.get(f"{TABLE}/{seed.sys_id('incident 1')}").status_code == 404
        assert len(reader.get(TABLE).json()["result"]) == 7
        refused = reader.post(TABLE, json={"short_description": "x"})
        assert "ACL Exception Insert Failed" in refused.json()["error"]["detail"]
        assert reader.delete(f"{TABLE}/{seed.sys_id('incident 1')}").status_code == 403
    with _client(simulator, "admin") as admin:
        assert admin.delete(f"{TABLE}/{seed.sys_id('incident 1')}").status_code == 204


@pytest.mark.parametrize(
    ("method", "path", "options", "status", "message"),
    [
        ("GET", "/api/now/nothing", {}, 400, "Requested URI does not represent any resource"),
        ("GET", "/api/now/table/nope", {}, 400, "Invalid table nope"),
        ("GET", f"{TABLE}/{'0' * 32}", {}, 404, "No Record found"),
        ("GET", f"{TABLE}?sysparm_offset=-1", {}, 400, "Invalid sysparm_offset"),
        ("GET", TABLE, {"headers": {"Accept": "image/png"}}, 406, "Invalid accept media type"),
        ("POST", TABLE, {"data": {"a": "b"}}, 415, "Unsupported media type"),
        ("POST", TABLE, {"content": "{", "headers": {"Content-Type": "application/json"}}, 400,
         "Exception while reading request"),
    ],
)  # fmt: skip
def test_errors_have_servicenows_body(  # noqa: PLR0917 - pytest fills them
    http: httpx.Client, method: str, path: str, options: Any, status: int, message: str
) -> None:
    """An unknown path is 400, not 404; each refusal has message, detail and status."""
    answer = http.request(method, path, **options)
    assert (answer.status_code, answer.json()["error"]["message"]) == (status, message)
    assert answer.json()["status"] == "failure"


def test_an_override_and_no_body(http: httpx.Client) -> None:
    """X-HTTP-Method-Override turns a POST into a PATCH; X-no-response-body leaves the body out."""
    path = f"{TABLE}/{seed.sys_id('incident 1')}"
    answer = http.post(path, json={"description": "x"}, headers={"X-HTTP-Method-Override": "PATCH"})
    assert _result(answer)["description"] == "x"
    silent = http.patch(path, json={"description": "y"}, headers={"X-no-response-body": "true"})
    assert (silent.status_code, silent.content) == (200, b"")


def test_faults_over_http(simulator: Simulator, http: httpx.Client) -> None:
    """A test in another process can switch faults, see the requests and reset."""
    fault = {"status": 503, "body": "down", "content_type": "text/html", "path": "*/incident"}
    assert http.put("/_simulator/faults", json=[fault]).status_code == 204
    assert http.get(TABLE).status_code == 503
    assert http.get(TABLE).status_code == 200
    http.put("/_simulator/faults", json=[{"reset": True, "times": None}])
    with pytest.raises(httpx.RemoteProtocolError):
        http.get(TABLE)
    http.request("DELETE", "/_simulator/faults")
    logged = http.get("/_simulator/requests").json()
    assert [(entry["method"], entry["status"]) for entry in logged][:2] == [
        ("GET", 503),
        ("GET", 200),
    ]
    assert http.post("/_simulator/reset").status_code == 204
    assert simulator.requests == []


def test_a_rate_limit_is_answered_as_documented(simulator: Simulator, http: httpx.Client) -> None:
    """429 with Retry-After and the X-RateLimit headers, of which there is no Remaining."""
    simulator.faults.add(faults.rate_limited(30))
    answer = http.get(TABLE)
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "30")
    assert {name for name in answer.headers if name.startswith("x-ratelimit")} == {
        "x-ratelimit-limit", "x-ratelimit-reset", "x-ratelimit-rule",
    }  # fmt: skip


def test_a_reset_brings_every_row_back(simulator: Simulator) -> None:
    """Also one that a test has changed in place."""
    row = simulator.instance.find("incident", seed.sys_id("incident 1"))
    assert row is not None
    row["state"] = "8"
    assert simulator.one("incident", number="INC0000001")["state"] == "8"
    simulator.reset()
    assert simulator.one("incident", number="INC0000001")["state"] == "2"


def test_a_clock_that_was_moved_runs_on(simulator: Simulator) -> None:
    """It is ahead of the real one until a reset, and does not stand still."""
    simulator.instance.skip(3600)
    first = simulator.instance.seconds()
    assert first == pytest.approx(time.time() + 3600, abs=60)
    time.sleep(0.01)
    assert simulator.instance.seconds() > first
    simulator.reset()
    assert simulator.instance.seconds() == pytest.approx(time.time(), abs=60)


def test_assertions_want_one_record() -> None:
    """`one` is for assertions: none and many are errors."""
    instance = Instance()
    seed.fill(instance)
    assert instance.one("incident", number="INC0000001")["priority"] == "1"
    for values in ({"number": "none"}, {"category": "inquiry"}):
        with pytest.raises(LookupError):
            instance.one("incident", **values)
