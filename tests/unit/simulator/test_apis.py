"""The REST APIs beside the Table API's everyday use, against documentation and recordings."""

import json
import ssl
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

import httpx
import pytest

from local.servicenow import Instance, Simulator, seed

if TYPE_CHECKING:
    from collections.abc import Callable

    SignIn = Callable[..., httpx.Client]

NOW = "/api/now"
AS_JSON = {"Content-Type": "application/json"}
TABLE = f"{NOW}/table/incident"
CHANGE = "/api/sn_chg_rest/change"
INCIDENT = seed.sys_id("incident 1")


def _result(answer: httpx.Response, status: int = 200) -> Any:
    assert answer.status_code == status, answer.text
    return answer.json()["result"]


# ---- the REST API as a whole


def test_a_long_url_is_answered_in_html(simulator: Simulator, http: httpx.Client) -> None:
    """Above a limit that a test can set, and above 16,000 characters by default."""
    long = {"sysparm_query": "sys_id=x^" * 3000}
    answer = http.get(TABLE, params=long)
    assert (answer.status_code, answer.text[:6]) == (414, "<html>")
    assert http.get(f"{NOW}/table/{'A' * 23_000}").status_code == 414
    url = f"{TABLE}?sysparm_suppress_pagination_header=true&sysparm_query={'x=y^' * 9000}"
    part = {"id": "1", "method": "GET", "url": url, "headers": []}
    (served,) = http.post(f"{NOW}/v1/batch", json={"rest_requests": [part]}).json()[
        "serviced_requests"
    ]
    assert served["status_code"] == 200
    simulator.instance.url_limit = 100_000
    long["sysparm_suppress_pagination_header"] = "true"  # it repeats the query four times
    assert http.get(TABLE, params=long).status_code == 200


def test_xml_is_read_and_written(http: httpx.Client) -> None:
    """For who accepts nothing else: records, lists, refusals and bodies."""
    headers = {"Accept": "application/xml", "Content-Type": "application/xml"}
    body = "<request><entry><short_description>a &amp; b</short_description></entry></request>"
    made = http.post(TABLE, content=body, headers=headers)
    assert made.headers["content-type"] == "application/xml;charset=UTF-8"
    assert ET.fromstring(made.text).findtext("result/short_description") == "a & b"  # noqa: S314
    listed = http.get(TABLE, params={"sysparm_limit": "2"}, headers=headers)
    assert len(ET.fromstring(listed.text).findall("result")) == 2  # noqa: S314
    refused = ET.fromstring(http.get(f"{NOW}/table/nope", headers=headers).text)  # noqa: S314
    assert refused.findtext("error/message") == "Invalid table nope"
    assert http.post(TABLE, content="<a", headers=headers).status_code == 400
    both = http.get(TABLE, headers={"Accept": "application/xml, application/json"})
    assert both.headers["content-type"] == "application/json;charset=UTF-8"


@pytest.mark.parametrize(
    ("method", "path", "options", "status"),
    [
        ("HEAD", TABLE, {}, 200),
        ("HEAD", f"{TABLE}/nope", {}, 404),
        ("POST", f"{TABLE}/{INCIDENT}", {"json": {}}, 405),
        ("PUT", TABLE, {"json": {}}, 405),
        ("PROPFIND", TABLE, {}, 405),
        ("GET", f"{TABLE}?sysparm_limit=abc", {}, 400),
        ("GET", f"{TABLE}?sysparm_limit=-1", {}, 400),
        ("GET", f"{TABLE}?sysparm_offset=x", {}, 400),
        ("POST", TABLE, {}, 201),
        ("POST", TABLE, {"json": []}, 201),
        ("GET", f"{NOW}/v3/table/incident", {}, 400),
        ("GET", f"{CHANGE}/no_sys_id", {}, 400),
        ("GET", f"{CHANGE}/{'0' * 32}", {}, 404),
        ("GET", f"{CHANGE}/{'0' * 32}/nothing", {}, 400),
        ("DELETE", f"{NOW}/nothing", {}, 400),
        ("GET", f"{TABLE}?sysparm_tiny=unknown", {}, 400),
    ],
)
def test_odd_requests_are_answered(
    http: httpx.Client, method: str, path: str, options: Any, status: int
) -> None:
    """Other methods, numbers that are none, no body, paths that do not exist."""
    answer = http.request(method, path, **options)
    assert answer.status_code == status
    if method == "HEAD":
        assert answer.content == b""
    elif status >= 400:
        assert answer.json()["status"] == "failure"


def test_headers_are_those_of_recordings(http: httpx.Client) -> None:
    """Those of 2022 and later among them."""
    headers = http.get(TABLE).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["server-timing"] == "sem_wait;dur=0, sesh_wait;dur=0"


def test_a_sys_id_of_ones_own_is_taken_once(http: httpx.Client) -> None:
    """A second record with it is refused, and the first stays as it is."""
    mine = "AAAABBBBCCCCDDDDEEEEFFFF00001111"
    made = _result(http.post(TABLE, json={"sys_id": mine, "short_description": "first"}), 201)
    assert made["sys_id"] == mine
    again = http.post(TABLE, json={"sys_id": mine, "short_description": "second"})
    assert again.status_code == 403
    assert _result(http.get(f"{TABLE}/{mine}"))["short_description"] == "first"


@pytest.mark.parametrize(
    ("sent", "stored"),
    [
        ("2030-01-02T03:04:05", "2030-01-02 03:04:05"),
        ("2030-01-02T03:04:05Z", "2030-01-02 03:04:05"),
        ("2030-01-02T03:04:05+02:00", "2030-01-02 01:04:05"),
        ("2030-01-02", "2030-01-02 00:00:00"),
        ("2030-01-02 03:04", "2030-01-02 03:04:00"),
        ("", ""),
        ("tomorrow", ""),
        ("2030-13-45", ""),
    ],
)
def test_dates_are_read_in_each_form(http: httpx.Client, sent: str, stored: str) -> None:
    """ISO's `T`, a zone, a date alone; what is no date leaves the column as it is."""
    assert _result(http.post(TABLE, json={"due_date": sent}), 201)["due_date"] == stored


def test_links_and_empty_choices(http: httpx.Client, admin: httpx.Client) -> None:
    """Links keep the version that was called; an empty choice has no label; passwords hide."""
    for version in ("", "/v1", "/v2"):
        found = http.get(f"{NOW}{version}/table/incident/{INCIDENT}").json()["result"]
        assert f"/api/now{version}/table/sys_user/" in found["caller_id"]["link"]
    both = {"sysparm_display_value": "all", "sysparm_fields": "hold_reason,description"}
    found = _result(http.get(f"{TABLE}/{INCIDENT}", params=both))
    assert found == {
        "hold_reason": {"display_value": None, "value": ""},
        "description": {"display_value": "", "value": ""},
    }
    user = _result(admin.get(f"{NOW}/table/sys_user/{seed.sys_id('user admin')}"))
    assert (user["user_password"], user["email"]) == ("********", "admin@example.com")


def test_a_certificate_wins_over_a_wrong_password(
    simulator: Simulator, sign_in: "SignIn", tmp_path: Any
) -> None:
    """Mutual TLS signs in, whatever the Basic header says."""
    simulator.make_certificate("ada", tmp_path / "ada.pem")
    simulator.instance.access.certificates["ada"] = "admin"
    trusted = ssl.create_default_context(cafile=simulator.ca_file)
    trusted.load_cert_chain(tmp_path / "ada.pem")
    with httpx.Client(base_url=simulator.url, verify=trusted, auth=("admin", "wrong")) as client:
        assert client.get(TABLE).status_code == 200


def test_a_second_factor_is_asked_for(sign_in: "SignIn") -> None:
    """A user with one is refused a password alone."""
    refused = sign_in("mfa.user").get(TABLE)
    assert (refused.status_code, refused.headers["x-mfa_token"]) == (401, "invalid")


def test_a_new_user_can_sign_in(
    admin: httpx.Client, simulator: Simulator, sign_in: "SignIn"
) -> None:
    """A password that is sent as a display value is hashed; roles count once they are given."""
    body = {"user_name": "new.one", "first_name": "New", "last_name": "One", "department": "IT"}
    params = {"sysparm_input_display_value": "true"}
    made = _result(
        admin.post(f"{NOW}/table/sys_user", json=body | {"user_password": "p"}, params=params), 201
    )
    assert (made["name"], made["department"]["value"]) == ("New One", seed.sys_id("department IT"))
    plain = sign_in(auth=("new.one", "p"))
    assert plain.get(TABLE).json()["result"] == []
    role = simulator.one("sys_user_role", name="itil")["sys_id"]
    admin.post(f"{NOW}/table/sys_user_has_role", json={"user": made["sys_id"], "role": role})
    assert len(plain.get(TABLE).json()["result"]) == 7
    admin.delete(f"{NOW}/table/sys_user/{made['sys_id']}")
    assert plain.get(TABLE).status_code == 401


@pytest.mark.parametrize(
    ("table", "columns", "least"),
    [
        ("incident", "origin_id business_impact universal_request time_worked cause", 92),
        ("change_request", "on_hold on_hold_reason risk_value review_date cab_date_time", 99),
        ("change_task", "planned_start_date planned_end_date on_hold created_from", 73),
        ("problem", "subcategory problem_state resolution_code fix_notes duplicate_of", 90),
        ("cmdb_ci_server", "classification cpu_count serial_number correlation_id", 50),
        ("em_event", "message_key time_of_event metric_name resolution_state", 25),
        ("sn_si_incident", "attack_vector affected_user business_criticality", 90),
    ],
)
def test_a_record_has_the_columns_of_recordings(
    admin: httpx.Client, table: str, columns: str, least: int
) -> None:
    """All that a real one answers, or nearly."""
    made = _result(admin.post(f"{NOW}/table/{table}", json={}), 201)
    assert set(columns.split()) <= set(made)
    assert len(made) >= least


# ---- attachments


def _attach(http: httpx.Client, name: str, content: bytes, path: str = f"{NOW}/attachment") -> Any:
    where = {"table_name": "incident", "table_sys_id": INCIDENT, "file_name": name}
    answer = http.post(
        f"{path}/file", params=where, content=content, headers={"Content-Type": "text/plain"}
    )
    return _result(answer, 201)


def test_attachments_are_counted_paged_and_filtered(http: httpx.Client) -> None:
    """Names and values are filters here, too: a record's files and nobody else's."""
    for name in ("a.txt", "b.txt", "c.txt"):
        _attach(http, name, name.encode())
    other = {"table_name": "incident", "table_sys_id": seed.sys_id("incident 2")}
    http.post(f"{NOW}/attachment/file", params=other | {"file_name": "d.txt"}, content=b"d")
    mine = {"table_name": "incident", "table_sys_id": INCIDENT}
    page = http.get(f"{NOW}/attachment", params=mine | {"sysparm_limit": 2, "sysparm_offset": 1})
    assert [row["file_name"] for row in _result(page)] == ["b.txt", "c.txt"]
    assert page.headers["x-total-count"] == "3"
    assert http.get(f"{NOW}/attachment").headers["x-total-count"] == "4"


def test_an_attachment_is_described_and_sent(http: httpx.Client) -> None:
    """Location and download link in the version called; all metadata; the file's name."""
    made = _attach(http, "Über.txt", b"content", f"{NOW}/v1/attachment")
    link = f"{http.base_url}/api/now/v1/attachment/{made['sys_id']}/file".replace("//api", "/api")
    assert made["download_link"] == link
    assert (made["size_bytes"], made["compressed"], made["chunk_size_bytes"]) == (
        "7", "true", "700000",
    )  # fmt: skip
    assert made["sys_updated_by"] == made["sys_created_by"] == seed.INTEGRATION_USER
    file = http.get(made["download_link"])
    assert file.content == b"content"
    assert file.headers["content-disposition"] == "attachment; filename*=UTF-8''%C3%9Cber.txt"
    assert json.loads(file.headers["x-attachment-metadata"])["hash"] == made["hash"]
    assert len(json.loads(file.headers["x-attachment-metadata"])) == 20


def test_an_attachment_comes_by_form_is_renamed_and_goes(
    simulator: Simulator, admin: httpx.Client
) -> None:
    """Multipart, PATCH and attributes; a record's files go with it."""
    answer = admin.post(
        f"{NOW}/attachment/upload",
        data={"table_name": "incident", "table_sys_id": INCIDENT},
        files={"uploadFile": ("old.bin", b"\x00\r\n--\xff", "application/octet-stream")},
    )
    path = f"{NOW}/attachment/{_result(answer, 201)['sys_id']}"
    assert admin.get(f"{path}/file").content == b"\x00\r\n--\xff"
    assert admin.patch(path, json={"file_name": "new.bin"}).status_code == 204
    assert _result(admin.get(path))["file_name"] == "new.bin"
    pair = {"key": "alt", "value": "A chart"}
    assert _result(admin.post(f"{path}/attributes", json=pair), 201) == pair
    assert _result(admin.get(f"{path}/attributes")) == [pair]
    for refused in (
        admin.patch(path, json={}),
        admin.post(f"{path}/attributes", json={}),
        admin.post(f"{NOW}/attachment/file", params={"table_name": "incident"}, content=b""),
        admin.post(f"{NOW}/attachment/upload", data={"a": "b"}, files={"c": (None, b"d")}),
    ):
        assert refused.status_code == 400
    assert admin.delete(f"{TABLE}/{INCIDENT}").status_code == 204
    assert simulator.records("sys_attachment") == []
    assert admin.get(f"{path}/file").status_code == 404


# ---- aggregates, tiny URLs, imports, events


def test_aggregates(http: httpx.Client) -> None:
    """Several functions and groups, dot-walked, with labels, conditions and an order."""
    stats = f"{NOW}/stats/incident"
    params = {
        "sysparm_count": "true",
        "sysparm_avg_fields": "priority",
        "sysparm_max_fields": "priority,number",
        "sysparm_min_fields": "sys_created_on",
    }
    found = _result(http.get(stats, params=params))["stats"]
    assert (found["count"], found["avg"]) == ("7", {"priority": "2.0000"})
    assert found["max"] == {"priority": "5", "number": ""}
    assert found["min"]["sys_created_on"].startswith("20")
    grouped = _result(
        http.get(
            stats,
            params={
                "sysparm_count": "true",
                "sysparm_group_by": "assignment_group.name,state",
                "sysparm_display_value": "all",
                "sysparm_having": "count^state^>^1",
                "sysparm_order_by": "COUNT^DESC",
            },
        )
    )
    assert grouped == [
        {
            "stats": {"count": "2"},
            "groupby_fields": [
                {
                    "field": "assignment_group.name",
                    "value": "Software",
                    "display_value": "Software",
                },
                {"field": "state", "value": "2", "display_value": "In Progress"},
            ],
        }
    ]
    closed = _result(http.get(stats, params={"sysparm_count": "true", "state": "Closed"}))
    assert closed == {"stats": {"count": "1"}}
    for wrong in ({}, {"sysparm_count": "true", "sysparm_group_by": "state",
                       "sysparm_having": "count^state"}):  # fmt: skip
        assert http.get(stats, params=wrong).status_code == 400
    for name in ("sysparm_order_by", "sysparm_group_by", "sysparm_sum_fields"):
        unknown = {"sysparm_count": "true", "sysparm_group_by": "state", name: "x"}
        assert http.get(stats, params=unknown).status_code == 501, name


def test_a_tiny_url_stands_for_its_parameters(http: httpx.Client) -> None:
    """Made once for a URL, and used in the place of its query."""
    url = "/incident_list.do?sysparm_query=number%3DINC0000002&sysparm_fields=number"
    tiny = _result(http.post(f"{NOW}/tinyurl", json={"url": url}), 201)
    assert tiny.startswith("incident_list.do?sysparm_tiny=")
    assert _result(http.post(f"{NOW}/tinyurl", json={"url": url}), 201) == tiny
    found = _result(http.get(f"{TABLE}?{tiny.partition('?')[2]}"))
    assert found == [{"number": "INC0000002"}]
    assert http.post(f"{NOW}/tinyurl", json={}).status_code == 400


def test_an_import_set_is_transformed_at_once(simulator: Simulator, http: httpx.Client) -> None:
    """Inserted, updated by what it coalesces on, ignored when nothing changes, or an error."""
    staging = f"{NOW}/import/u_incident_import"
    row = {"u_short_description": "x", "u_correlation_id": "c", "u_assignment_group": "Network"}
    results = []
    for change in ({}, {"u_impact": "1"}, {}, {"u_state": "6"}):
        answer = http.post(staging, json=row | change)
        assert answer.status_code == 201
        assert answer.json()["staging_table"] == "u_incident_import"
        results += answer.json()["result"]
    assert [found["status"] for found in results] == ["inserted", "updated", "ignored", "error"]
    assert results[3]["error_message"].endswith("mandatory: Resolution code, Close notes")
    made = simulator.one("incident", correlation_id="c")
    assert results[0]["sys_id"] == results[1]["sys_id"] == made["sys_id"]
    assert (made["impact"], made["assignment_group"]) == ("1", seed.sys_id("Network"))
    assert results[0]["display_value"] == made["number"]
    assert _result(http.get(results[0]["record_link"]))["number"] == made["number"]
    staged = simulator.records("u_incident_import")[0]
    assert http.get(f"{staging}/{staged['sys_id']}").json()["result"] == results[:1]
    many = http.post(
        f"{staging}/insertMultiple", json={"records": [row, {"u_correlation_id": "d"}]}
    )
    assert (many.status_code, set(many.json())) == (201, {"import_set_id", "multi_import_set_id"})
    assert simulator.one("incident", correlation_id="d")
    assert http.post(f"{staging}/insertMultiple", json={}).status_code == 400
    assert http.post(f"{NOW}/import/incident", json=row).status_code == 400


def test_events_open_and_close_alerts(simulator: Simulator, http: httpx.Client) -> None:
    """By their message key, alone and in bulk."""
    event = {"source": "CloudWatch", "node": "orders", "type": "5xx", "severity": "1"}
    for severity in ("1", "2", "0", "3"):
        http.post(f"{NOW}/table/em_event", json=event | {"severity": severity})
    alert = simulator.one("em_alert")
    assert (alert["state"], alert["severity"], alert["event_count"]) == ("Reopen", "3", "4")
    bulk = {
        "records": [event | {"message_key": "k"}, event | {"message_key": "l", "severity": "0"}]
    }
    answer = http.post("/api/global/em/jsonv2", json=bulk)
    assert _result(answer) == {"Default Bulk Endpoint": "2 events were inserted"}
    assert {row["state"] for row in simulator.records("em_event")} == {"Processed"}
    assert len(simulator.records("em_alert")) == 2
    assert http.post("/api/global/em/jsonv2", json={}).status_code == 400


def test_the_older_service_by_the_names_of_pages(admin: httpx.Client, http: httpx.Client) -> None:
    """`/<table>.do?JSONv2` reads, makes, changes and deletes records (as Terraform's provider)."""
    page = "/sys_user_group.do?JSONv2"
    (made,) = admin.post(f"{page}&sysparm_action=insert", json={"name": "Fleet"}).json()["records"]
    assert (made["name"], made["__status"]) == ("Fleet", "success")
    key = made["sys_id"]
    admin.post(
        f"{page}&sysparm_action=update&sysparm_query=sys_id={key}", json={"description": "d"}
    )
    (read,) = admin.get(f"{page}&sysparm_query=name=Fleet&displayvalue=all").json()["records"]
    assert (read["description"], read["dv_manager"], read["manager"]) == ("d", "", "")
    for action in ("get", "getRecords"):
        answer = admin.get(f"{page}&sysparm_action={action}&sysparm_sys_id={key}")
        assert [row["name"] for row in answer.json()["records"]] == ["Fleet"]
    keys = admin.get(
        f"/sys_user_group_list.do?JSONv2&sysparm_action=getKeys&sysparm_query=sys_id={key}"
    )
    assert keys.json() == {"records": [key]}
    many = {"records": [{"short_description": "a"}, {"state": "6"}]}
    answer = http.post("/incident.do?JSONv2&sysparm_action=insertMultiple", json=many)
    good, bad = answer.json()["records"]
    assert (good["caller_id"], bad["__status"]) == ("", "failure")
    assert "mandatory" in bad["__error"]["reason"]
    refused = http.post(f"{page}&sysparm_action=deleteRecord&sysparm_sys_id={key}").json()
    assert refused["records"][0]["__status"] == "failure"
    gone = admin.post(f"{page}&sysparm_action=deleteRecord&sysparm_sys_id={key}").json()
    assert gone["records"][0]["sys_id"] == key
    assert admin.get(f"{page}&sysparm_sys_id={key}").status_code == 404
    assert admin.post(f"{page}&sysparm_action=update", json={}).status_code == 400
    assert admin.post(f"{page}&sysparm_action=copy", json={}).status_code == 501
    assert admin.get(f"{page}&sysparm_action=copy").status_code == 501
    assert admin.get("/nope.do?JSONv2").status_code == 400
    assert admin.post(f"{page}&sysparm_action=insertMultiple", json={}).status_code == 400
    assert "html" in admin.get("/incident_list.do", follow_redirects=True).text


def test_bodies_as_the_documentation_writes_them(http: httpx.Client) -> None:
    """Its examples for curl have texts in single quotes (documentation: Table API)."""
    group = "287ebd7da9fe198100f92cc8d1d2154e"  # Network, on every instance
    body = (
        "{'short_description':'Unable to connect to office wifi',"
        f"'assignment_group':'{group}','urgency':'2','impact':'2'}}"
    )
    made = _result(http.post(f"{NOW}/table/incident", content=body, headers=AS_JSON), 201)
    assert (made["priority"], made["assignment_group"]["value"]) == ("3", group)
    mixed = b"""{'short_description': 'Bob\\'s "mouse"', "description": "it's", 'impact': 1}"""
    path = f"{NOW}/table/incident/{made['sys_id']}"
    changed = _result(http.put(path, content=mixed, headers=AS_JSON))
    assert changed["short_description"] == 'Bob\'s "mouse"'
    assert (changed["description"], changed["impact"]) == ("it's", "1")
    for broken in (b"{'a'", b"'", b"{'a':'b\\", b"\xff"):
        assert http.put(path, content=broken, headers=AS_JSON).status_code == 400


def test_odd_requests_are_refused_and_never_a_failure(admin: httpx.Client) -> None:
    """Half characters, parts of a batch without a meaning, relations that are none."""
    half = b'{"short_description": "\\ud800"}'
    for path in (f"{NOW}/table/incident", "/api/sn_chg_rest/change"):
        answer = admin.post(path, content=half, headers=AS_JSON)
        assert answer.json()["result"]["short_description"] in (
            "?",
            {"display_value": "?", "value": "?"},
        )
    parts = [
        {"id": "1", "method": "GET", "url": "http://[::bad"},
        {"id": "2", "method": "GET", "url": "/api/now/table/incident", "headers": ["none"]},
        {"id": "3", "method": "POST", "url": "/api/now/table/incident", "body": "!"},
        {"id": "4"},
        {"id": "5", "method": "GET", "url": f"{NOW}/table/incident?sysparm_limit=1"},
    ]
    served = admin.post(f"{NOW}/v1/batch", json={"rest_requests": parts}).json()
    assert [part["status_code"] for part in served["serviced_requests"]] == [500] * 4 + [200]
    server = admin.get(f"{NOW}/table/cmdb_ci_server", params={"sysparm_limit": "1"})
    path = f"{NOW}/cmdb/instance/cmdb_ci_server/{server.json()['result'][0]['sys_id']}/relation"
    for relations in ("x", [1]):
        assert admin.post(path, json={"inbound_relations": relations}).status_code == 400


def test_configuration_items_and_their_relations(simulator: Simulator, http: httpx.Client) -> None:
    """The CMDB Instance API makes, finds, changes and relates items of a class."""
    base = f"{NOW}/cmdb/instance/cmdb_ci_linux_server"
    made = {}
    for name in ("one", "two"):
        body = {"attributes": {"name": name, "used_for": "Test"}, "source": "ServiceNow"}
        made[name] = _result(http.post(base, json=body), 201)["attributes"]["sys_id"]
    change = {"attributes": {"cpu_name": "i5"}, "source": "ServiceNow"}
    assert (
        _result(http.patch(f"{base}/{made['one']}", json=change))["attributes"]["cpu_name"] == "i5"
    )
    kind = seed.sys_id("relation Depends on::Used by")
    relations = {"outbound_relations": [{"type": kind, "target": made["two"]}]}
    related = _result(http.post(f"{base}/{made['one']}/relation", json=relations), 201)
    assert related["inbound_relations"] == []
    (relation,) = related["outbound_relations"]
    assert relation["target"]["display_value"] == "two"
    (inbound,) = _result(http.get(f"{base}/{made['two']}"))["inbound_relations"]
    assert inbound["sys_id"] == relation["sys_id"]
    path = f"{base}/{made['one']}/relation/{relation['sys_id']}"
    assert http.delete(path).status_code == 204
    assert {"sys_id": made["one"], "name": "one"} in _result(http.get(base))
    incomplete: list[dict[str, Any]] = [{"source": "x"}, {"attributes": {}}]
    for wrong in incomplete:
        assert http.post(base, json=wrong).status_code == 400
    assert http.get(f"{NOW}/cmdb/instance/incident").status_code == 400


def test_the_catalog_is_browsed_and_ordered_from(simulator: Simulator, http: httpx.Client) -> None:
    """One item at once, or several from the cart."""
    base = "/api/sn_sc/servicecatalog"
    catalog = next(
        c for c in _result(http.get(f"{base}/catalogs")) if c["title"] == "Service Catalog"
    )
    categories = _result(http.get(f"{base}/catalogs/{catalog['sys_id']}/categories"))
    assert {category["title"] for category in categories} == {"Services", "Hardware"}
    params = {"sysparm_text": "ipad", "sysparm_catalog": catalog["sys_id"]}
    (item,) = _result(http.get(f"{base}/items", params=params))
    assert _result(http.get(f"{base}/items/{item['sys_id']}"))["name"] == "Apple iPad 3"
    params = {"sysparm_text": "Email Account"}
    (asking,) = _result(http.get(f"{base}/items", params=params))
    (variable,) = _result(http.get(f"{base}/items/{asking['sys_id']}"))["variables"]
    assert (variable["name"], variable["friendly_type"]) == ("new_email", "single_line_text")
    order = {"sysparm_quantity": "2", "sysparm_requested_for": "abraham.lincoln"}
    done = _result(http.post(f"{base}/items/{item['sys_id']}/order_now", json=order))
    assert done["request_number"].startswith("REQ")
    http.post(f"{base}/items/{item['sys_id']}/add_to_cart", json=order)
    assert len(_result(http.get(f"{base}/cart"))["items"]) == 1
    second = _result(http.post(f"{base}/cart/submit_order", json={}))
    assert second["request_id"] != done["request_id"]
    assert http.post(f"{base}/cart/submit_order", json={}).status_code == 400
    assert http.post(f"{base}/items/{item['sys_id']}/order_now", json={}).status_code == 400
    ordered = simulator.one("sc_req_item", request=done["request_id"])
    assert (ordered["quantity"], ordered["requested_for"]) == (
        "2",
        seed.sys_id("user abraham.lincoln"),
    )


# ---- changes


def test_changes_are_listed_by_kind(http: httpx.Client) -> None:
    """With a query, an order, words and pages; templates and models, too."""
    for kind in ("normal", "emergency"):
        http.post(f"{CHANGE}/{kind}", json={"short_description": f"an {kind} one"})
    assert [c["type"]["value"] for c in _result(http.get(f"{CHANGE}/emergency"))] == ["emergency"]
    assert len(_result(http.get(CHANGE))) == 3
    first = _result(http.get(CHANGE, params={"sysparm_limit": 1, "order": "number"}))
    assert first[0]["number"]["value"] == "CHG0000001"
    assert len(_result(http.get(CHANGE, params={"sysparm_query": "type=normal"}))) == 2
    assert len(_result(http.get(CHANGE, params={"textSearch": "emergency one"}))) == 1
    names = {t["name"]["value"] for t in _result(http.get(f"{CHANGE}/standard/template"))}
    assert "Deploy a service" in names
    template = _result(http.get(f"{CHANGE}/standard/template/{seed.sys_id('template')}"))
    assert template["name"]["value"] == "Deploy a service"
    models = _result(http.get(f"{CHANGE}/model"))
    assert {m["default_change_type"]["value"] for m in models} == {
        "normal",
        "standard",
        "emergency",
    }
    model = models[0]["sys_id"]["value"]
    assert _result(http.get(f"{CHANGE}/model/{model}"))["sys_id"]["value"] == model
    assert http.get(f"{CHANGE}/model/nope").status_code == 404


def test_a_model_or_a_template_makes_a_change(http: httpx.Client) -> None:
    """A change's type follows from its model; a template's values come by the Table API, too."""
    body = {"chg_model": seed.sys_id("model emergency")}
    assert _result(http.post(CHANGE, json=body))["type"]["value"] == "emergency"
    version = seed.sys_id("template Clear BGP sessions on a Cisco router version 1")
    body = {"type": "standard", "std_change_producer_version": version, "short_description": "mine"}
    made = _result(http.post(f"{NOW}/table/change_request", json=body), 201)
    assert (made["short_description"], made["type"]) == ("mine", "standard")
    assert made["description"].startswith("Resend the complete BGP table")
    by_template = _result(http.post(f"{CHANGE}/standard/{seed.sys_id('template')}", json={}))
    assert by_template["std_change_producer_version"]["display_value"] == "Deploy a service - 1"


def test_a_changes_values_are_typed(http: httpx.Client) -> None:
    """Numbers, flags, dates in the reader's and in the sortable form; a second meaning ignored."""
    body = {"start_date": "2030-01-02T03:04:05", "on_hold": True, "on_hold_reason": "x", "u_x": 1}
    made = _result(http.post(f"{CHANGE}/normal", json=body))
    moment = "2030-01-02 03:04:05"
    assert made["start_date"] == {
        "value": moment, "display_value": moment, "display_value_internal": moment,
    }  # fmt: skip
    assert [made[name]["value"] for name in ("escalation", "risk", "urgency", "on_hold")] == [
        0.0, 4.0, 3.0, True,
    ]  # fmt: skip
    assert made["__meta"] == {"ignoredFields": ["u_x"]}


def test_tasks_and_items_of_a_change(simulator: Simulator, sign_in: "SignIn") -> None:
    """Made, changed, deleted by who may, and associated."""
    http = sign_in("change.manager")
    change = _result(http.post(f"{CHANGE}/normal", json={"cmdb_ci": seed.sys_id("lnux100")}))
    path = f"{CHANGE}/{change['sys_id']['value']}"
    task = _result(http.post(f"{path}/task", json={"short_description": "step"}))
    assert "__meta" not in task
    one = f"{path}/task/{task['sys_id']['value']}"
    assert _result(http.patch(one, json={"state": "3"}))["active"]["value"] is False
    assert _result(http.get(one))["state"]["value"] == 3.0
    assert len(_result(http.get(f"{path}/task"))) == 1
    assert sign_in(seed.INTEGRATION_USER).delete(one).status_code == 403
    assert _result(http.delete(one))["short_description"]["value"] == "step"
    assert http.get(one).status_code == 404
    items = [seed.sys_id("lnux101"), "nope"]
    worker = _result(
        http.post(f"{path}/ci", json={"association_type": "affected", "cmdb_ci_sys_ids": items})
    )
    assert worker["messages"]["warningMessages"] == ["Invalid CMDB_CI sys_id provided: nope"]
    affected = {"association_type": "affected"}
    (found,) = _result(http.get(f"{path}/ci", params=affected))
    assert found["ci_item"] == {"value": items[0], "display_value": "lnux101"}
    assert http.get(f"{path}/ci").status_code == 400
    http.post(f"{path}/refresh_impacted_services")
    impacted = _result(http.get(f"{path}/ci", params={"association_type": "impacted"}))
    assert [row["cmdb_ci_service"]["display_value"] for row in impacted] == ["Checkout"]
    assert http.delete(f"{path}/conflict").status_code == 200
    slot = {"duration_in_seconds": 60}
    assert (
        http.get(f"{CHANGE}/ci/{seed.sys_id('lnux100')}/schedule", params=slot).status_code == 202
    )


def test_risk_and_the_first_free_window(http: httpx.Client) -> None:
    """A standard change for a critical service is risky; a window is found and taken."""
    body = {"cmdb_ci": seed.sys_id("Checkout"), "start_date": "2030-01-01 00:00:00",
            "end_date": "2030-01-01 01:00:00"}  # fmt: skip
    first = _result(http.post(f"{CHANGE}/standard/{seed.sys_id('template')}", json=body))
    path = f"{CHANGE}/standard/{first['sys_id']['value']}"
    assert _result(http.patch(f"{path}/risk"))["risk"]["value"] == 2.0
    second = _result(http.post(f"{CHANGE}/normal", json=body))["sys_id"]["value"]
    moved = _result(http.patch(f"{CHANGE}/{second}/schedule/first_available"))
    assert moved["start_date"]["value"] == "2030-01-01 01:00:00"


def test_a_developer_instance_has_many_records() -> None:
    """What other people's tests find on theirs."""
    instance = Instance()
    seed.fill(instance, rich=True)
    assert len(instance.records("incident")) == 67
    assert len(instance.records("change_request")) == 21
    assert len(instance.records("syslog")) > 600
    lowest = min(instance.records("sys_user"), key=lambda row: row["sys_id"])
    assert lowest["active"] == "true"
