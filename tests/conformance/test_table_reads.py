"""The Table API as it is read: statuses, headers, paging, errors."""

import re
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.conformance.facts import Found, fact, probe

if TYPE_CHECKING:
    from tests.conformance.instance import Instance

TABLE_API = "api-reference/rest-apis/c_TableAPI.md"
REST = "api-reference/rest-api-explorer/c_RESTAPI.md"
CODES = "api-reference/rest-api-explorer/r_RESTAPIHTTPResponseCodes.md"
NOTHING = "sys_id=no such record"
INCIDENTS = "/api/now/table/incident"
_LINK = re.compile(r'<([^>]+)>;rel="(\w+)"')


@pytest.mark.parametrize("version", ["", "v1/", "v2/"])
@fact(TABLE_API)
def test_a_list(instance: "Instance", version: str) -> None:
    """GET /api/now/{version}table/incident answers 200 and a list under `result`."""
    answer = instance.get(f"/api/now/{version}table/incident", params={"sysparm_limit": "1"})
    assert answer.status_code == 200
    assert isinstance(answer.json()["result"], list)


@pytest.mark.parametrize(("version", "status"), [("", 200), ("v1/", 404), ("v2/", 200)])
@fact(TABLE_API)
def test_no_rows(instance: "Instance", version: str, status: int) -> None:
    """A query without rows answers {status} at /api/now/{version}table."""
    params = {"sysparm_query": NOTHING, "sysparm_fields": "sys_id"}
    answer = instance.get(f"/api/now/{version}table/incident", params=params)
    assert answer.status_code == status
    if status == 200:
        assert answer.json()["result"] == []


@fact(REST)
def test_head(instance: "Instance") -> None:
    """HEAD answers as GET does, without a body."""
    answer = instance.request("HEAD", INCIDENTS, params={"sysparm_limit": "1"})
    assert (answer.status_code, answer.content) == (200, b"")


@fact(TABLE_API)
def test_one_record(instance: "Instance", incident_of: str) -> None:
    """GET of one record answers 200 and an object under `result`."""
    assert instance.read("incident", incident_of, "sys_id") == {"sys_id": incident_of}


@fact("Recorded: rapid7's plugin, get_security_incident with an unknown sys_id")
def test_a_missing_record(instance: "Instance") -> None:
    """An unknown sys_id is 404 `No Record found`, with the status `failure`."""
    answer = instance.get(f"{INCIDENTS}/{'0' * 32}")
    assert answer.status_code == 404
    assert answer.json()["error"]["message"] == "No Record found"
    assert answer.json()["status"] == "failure"


@fact("ansible-collections/servicenow.itsm, tests/integration/targets/itsm_api")
def test_an_unknown_table(instance: "Instance") -> None:
    """An unknown table is 400 and named in the message."""
    answer = instance.get("/api/now/table/no_such_table")
    assert answer.status_code == 400
    assert "no_such_table" in answer.json()["error"]["message"]


@fact(CODES)
def test_an_unknown_path(instance: "Instance") -> None:
    """An unknown API path is 400, not 404."""
    answer = instance.get("/api/now/no_such_api/at_all")
    assert answer.status_code == 400
    assert "does not represent any resource" in answer.json()["error"]["message"]


@fact("ServiceNow/PySNC, test/test_snc_api_fields.py")
def test_unknown_fields(instance: "Instance", incident_of: str) -> None:
    """Unknown names in `sysparm_fields` are left out without a word."""
    record = instance.read("incident", incident_of, "sys_id,no_such_column")
    assert set(record) == {"sys_id"}


@fact(TABLE_API)
def test_chosen_fields(instance: "Instance", incident_of: str) -> None:
    """`sysparm_fields` gives these columns and no other."""
    assert set(instance.read("incident", incident_of, "number,state")) == {"number", "state"}


@fact(TABLE_API)
def test_a_limit(instance: "Instance") -> None:
    """`sysparm_limit` bounds a page."""
    assert len(instance.rows("sys_choice", limit=3, fields="sys_id")) == 3


@fact(TABLE_API)
def test_an_offset(instance: "Instance") -> None:
    """`sysparm_offset` skips rows."""
    rows = instance.rows("sys_choice", "ORDERBYsys_id", limit=3, fields="sys_id")
    second = instance.rows("sys_choice", "ORDERBYsys_id", limit=1, offset=1, fields="sys_id")
    assert second == rows[1:2]


@fact("Recorded from four instances: the header of a list")
def test_a_count(instance: "Instance") -> None:
    """A list's answer has X-Total-Count, of all rows and not only those of the page."""
    params = {"sysparm_limit": "2", "sysparm_fields": "sys_id"}
    answer = instance.get("/api/now/table/sys_choice", params=params)
    assert int(answer.headers["X-Total-Count"]) > 2


def _links(instance: "Instance", offset: int) -> dict[str, str]:
    params = {"sysparm_limit": "1", "sysparm_offset": str(offset), "sysparm_fields": "sys_id"}
    answer = instance.get("/api/now/table/sys_user_group", params=params)
    return {
        rel: parse_qs(urlsplit(url).query)["sysparm_offset"][0]
        for url, rel in _LINK.findall(answer.headers["Link"])
    }


@fact("Recorded from dev86373, dev130168, dev41045 and demo018")
def test_links_of_the_first_page(instance: "Instance") -> None:
    """The first page's Link has `first` 0, `prev` -1, `next` 1 and `last` (limit 1)."""
    links = _links(instance, 0)
    assert (links["first"], links["prev"], links["next"]) == ("0", "-1", "1")
    assert int(links["last"]) >= 1


@fact("Recorded from dev86373, dev130168, dev41045 and demo018")
def test_links_of_the_last_page(instance: "Instance") -> None:
    """The last page's Link has no `next`; its own offset is that of `last` (limit 1)."""
    last = int(_links(instance, 0)["last"])
    links = _links(instance, last)
    assert "next" not in links
    assert links["last"] == str(last)


@fact(TABLE_API)
def test_links_suppressed(instance: "Instance") -> None:
    """`sysparm_suppress_pagination_header=true` leaves Link out."""
    params = {"sysparm_limit": "1", "sysparm_suppress_pagination_header": "true"}
    assert "Link" not in instance.get(INCIDENTS, params=params).headers


@probe("Not documented: whether the header is absent then")
def test_no_count(instance: "Instance", found: Found) -> None:
    """X-Total-Count with `sysparm_no_count=true`."""
    params = {"sysparm_limit": "1", "sysparm_no_count": "true"}
    answer = instance.get(INCIDENTS, params=params)
    found("present" if "X-Total-Count" in answer.headers else "absent")


@fact("Recorded: swimlane, get_all_incidents with an unknown parameter")
def test_unknown_parameters(instance: "Instance") -> None:
    """Unknown `sysparm_` parameters are ignored."""
    params = {"sysparm_limit": "1", "sysparm_orderby": "number"}
    assert instance.get(INCIDENTS, params=params).status_code == 200


@pytest.mark.parametrize("parameter", ["sysparm_limit=abc", "sysparm_limit=-1",
                                       "sysparm_offset=-1"])  # fmt: skip
@probe("Not documented")
def test_odd_paging(instance: "Instance", found: Found, parameter: str) -> None:
    """What {parameter} is answered with."""
    name, value = parameter.split("=")
    params = {"sysparm_limit": "1", "sysparm_fields": "sys_id", name: value}
    found(instance.get(INCIDENTS, params=params).status_code)


@fact("Recorded: captured headers of get_incident")
def test_headers_of_an_answer(instance: "Instance") -> None:
    """An answer has X-Is-Logged-In and X-Transaction-ID, and JSON in UTF-8."""
    answer = instance.get(INCIDENTS, params={"sysparm_limit": "1"})
    assert answer.headers["X-Is-Logged-In"] == "true"
    assert re.fullmatch("[0-9a-f]+", answer.headers["X-Transaction-ID"])
    assert answer.headers["Content-Type"].replace(" ", "") == "application/json;charset=UTF-8"


@fact("Recorded: captured headers of get_incident")
def test_cookies(instance: "Instance") -> None:
    """An answer sets a session cookie, which a client must not send back in parallel."""
    cookies = instance.get(INCIDENTS, params={"sysparm_limit": "1"}).headers.get_list("Set-Cookie")
    assert any(cookie.startswith("JSESSIONID=") for cookie in cookies)


@fact("Recorded: captured headers of an answer without credentials")
def test_without_credentials(instance: "Instance") -> None:
    """Without credentials: 401, `User Not Authenticated` or alike, and WWW-Authenticate."""
    answer = instance.get(INCIDENTS, anonymous=True)
    assert answer.status_code == 401
    assert "authenticated" in answer.json()["error"]["message"].lower()
    assert "BASIC" in answer.headers["WWW-Authenticate"].upper()


@fact("demisto/content, ServiceNowv2_test.py")
def test_a_wrong_password(instance: "Instance") -> None:
    """A wrong password is answered like none at all."""
    wrong = type(instance.user)(instance.user.name, "surely-not-the-password")
    answer = instance.get(INCIDENTS, by=wrong)
    assert answer.status_code == 401
    assert answer.json()["status"] == "failure"


@fact("Measured: the text of a 406")
def test_a_type_that_it_cannot_answer(instance: "Instance") -> None:
    """`Accept: image/png` is 406."""
    answer = instance.get(INCIDENTS, headers={"Accept": "image/png"})
    assert answer.status_code == 406


@probe(REST)
def test_xml(instance: "Instance", found: Found) -> None:
    """What `Accept: application/xml` is answered with."""
    params = {"sysparm_limit": "1", "sysparm_fields": "sys_id"}
    answer = instance.get(INCIDENTS, params=params, headers={"Accept": "application/xml"})
    found(f"{answer.status_code} {answer.headers.get('Content-Type', '').split(';')[0]}")


@fact("Recorded: an answer to `Accept: */*`")
def test_any_type(instance: "Instance") -> None:
    """`Accept: */*` is answered in JSON."""
    answer = instance.get(INCIDENTS, params={"sysparm_limit": "1"}, headers={"Accept": "*/*"})
    assert isinstance(answer.json()["result"], list)


@probe("KB0747638; PySNC and the Ansible collection each avoid long addresses")
def test_a_long_address(instance: "Instance", found: Found) -> None:
    """What a query of 16,000 characters is answered with."""
    params = {"sysparm_query": "numberIN" + "INC0000000," * 1455, "sysparm_fields": "sys_id"}
    answer = instance.get(INCIDENTS, params=params)
    found(f"{answer.status_code} {answer.headers.get('Content-Type', '').split(';')[0]}")


@fact("ServiceNow/PySNC, test/test_snc_api_query.py::test_nonjson_error")
def test_a_long_path(instance: "Instance") -> None:
    """A path of 23,000 characters is refused, and not in JSON."""
    answer = instance.get(f"/api/now/table/{'a' * 23_000}")
    assert answer.status_code >= 400
    assert "html" in answer.text.lower()


@fact("api-reference/rest-api-explorer/inbound-REST-API-rate-limiting.md")
def test_no_remaining(instance: "Instance") -> None:
    """No header says how many requests a rate limit leaves."""
    answer = instance.get(INCIDENTS, params={"sysparm_limit": "1"})
    assert not any("ratelimit-remaining" in name for name in answer.headers)


@probe("api-reference/rest-api-explorer/inbound-REST-API-rate-limiting.md")
def test_rate_limits(instance: "Instance", found: Found) -> None:
    """Whether a rate limit rule matches the suite's user here."""
    answer = instance.get(INCIDENTS, params={"sysparm_limit": "1"})
    found(answer.headers.get("X-RateLimit-Limit", "none"))


@fact(REST)
def test_the_method_in_a_header(instance: "Instance", incident_of: str) -> None:
    """`X-HTTP-Method-Override: GET` turns a POST into a GET."""
    answer = instance.request(
        "POST", f"{INCIDENTS}/{incident_of}", params={"sysparm_fields": "sys_id"},
        headers={"X-HTTP-Method-Override": "GET", "Content-Type": "application/json"}, json={},
    )  # fmt: skip
    assert answer.status_code == 200
    assert answer.json()["result"] == {"sys_id": incident_of}


@probe("Not documented: the body of a 405")
def test_an_unknown_method(instance: "Instance", found: Found) -> None:
    """What the method OPTIONS is answered with."""
    found(instance.request("OPTIONS", INCIDENTS).status_code)
