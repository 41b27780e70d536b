"""Attachments, Batch, Aggregate, import sets and OAuth."""

import base64
import hashlib
import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.conformance.facts import Found, fact, probe

if TYPE_CHECKING:
    import httpx

    from tests.conformance.instance import Instance

ATTACHMENTS = "/api/now/attachment"
ATTACHMENT_API = "api-reference/rest-apis/c_AttachmentAPI.md"
BATCH_API = "api-reference/rest-apis/batch-api.md"
AGGREGATE_API = "api-reference/rest-apis/c_AggregateAPI.md"
OAUTH = "platform-security/authentication/r_OAuthAPIRequestParameters.md"
FILE = b"what a conformance suite attaches\n"


def _attach(instance: "Instance", sys_id: str, name: str = "a.txt") -> "httpx.Response":
    instance.may_write()
    params = {"table_name": "incident", "table_sys_id": sys_id, "file_name": name}
    return instance.request(
        "POST", f"{ATTACHMENTS}/file", params=params, content=FILE,
        headers={"Content-Type": "text/plain"},
    )  # fmt: skip


@pytest.fixture
def attached(instance: "Instance") -> dict[str, Any]:
    """A file on an incident of its own."""
    answer = _attach(instance, instance.create("incident")["sys_id"])
    assert answer.status_code == 201, answer.text
    result: dict[str, Any] = answer.json()["result"]
    return result


@fact("ServiceNow/PySNC, test/test_snc_attachment.py")
def test_attaching(instance: "Instance") -> None:
    """POST of a file answers 201 with a Location that ends with its sys_id and `/file`."""
    answer = _attach(instance, instance.create("incident")["sys_id"])
    assert answer.status_code == 201
    sys_id = answer.json()["result"]["sys_id"]
    assert answer.headers["Location"].endswith(f"/attachment/{sys_id}/file")


@fact("Recorded: swimlane, add_attachment_to_table; hash is SHA-256")
def test_what_an_attachment_says(instance: "Instance", attached: dict[str, Any]) -> None:
    """An attachment has name, type, size as a text, its record, and the SHA-256 of its bytes."""
    assert attached["file_name"] == "a.txt"
    assert attached["content_type"] == "text/plain"
    assert attached["size_bytes"] == str(len(FILE))
    assert attached["table_name"] == "incident"
    assert attached["hash"] == hashlib.sha256(FILE).hexdigest()


@fact(ATTACHMENT_API)
def test_a_download(instance: "Instance", attached: dict[str, Any]) -> None:
    """GET of the file answers its bytes and type, and X-Attachment-Metadata."""
    answer = instance.get(f"{ATTACHMENTS}/{attached['sys_id']}/file", headers={"Accept": "*/*"})
    assert answer.content == FILE
    assert answer.headers["Content-Type"].startswith("text/plain")
    assert json.loads(answer.headers["X-Attachment-Metadata"])["sys_id"] == attached["sys_id"]


@fact(ATTACHMENT_API)
def test_attachments_of_a_record(instance: "Instance", attached: dict[str, Any]) -> None:
    """`table_sys_id` in sysparm_query finds a record's files."""
    query = f"table_sys_id={attached['table_sys_id']}"
    answer = instance.get(ATTACHMENTS, params={"sysparm_query": query})
    assert [row["sys_id"] for row in answer.json()["result"]] == [attached["sys_id"]]


@fact(ATTACHMENT_API)
def test_an_attachment_alone(instance: "Instance", attached: dict[str, Any]) -> None:
    """GET of an attachment's sys_id answers what it says of itself."""
    answer = instance.get(f"{ATTACHMENTS}/{attached['sys_id']}")
    assert answer.json()["result"]["file_name"] == "a.txt"


@fact(ATTACHMENT_API)
def test_removing_an_attachment(instance: "Instance", attached: dict[str, Any]) -> None:
    """DELETE of an attachment answers 204; it is gone then."""
    path = f"{ATTACHMENTS}/{attached['sys_id']}"
    answer = instance.request("DELETE", path)
    if answer.status_code == 403:
        pytest.skip("not for this user")
    assert answer.status_code == 204
    assert instance.get(path).status_code == 404


@fact(ATTACHMENT_API)
def test_attaching_to_nothing(instance: "Instance") -> None:
    """A file for a record that is missing is 404."""
    assert _attach(instance, "0" * 32).status_code == 404


@fact(ATTACHMENT_API)
def test_a_form(instance: "Instance") -> None:
    """A multipart form is taken at /upload."""
    instance.may_write()
    form = {"table_name": "incident", "table_sys_id": instance.create("incident")["sys_id"]}
    answer = instance.request(
        "POST", f"{ATTACHMENTS}/upload", data=form,
        files={"uploadFile": ("b.txt", FILE, "text/plain")},
    )  # fmt: skip
    assert answer.status_code == 201
    assert answer.json()["result"]["file_name"] == "b.txt"


@probe(ATTACHMENT_API)
def test_no_bytes(instance: "Instance", found: Found) -> None:
    """What an empty file is answered with."""
    instance.may_write()
    sys_id = instance.create("incident")["sys_id"]
    params = {"table_name": "incident", "table_sys_id": sys_id, "file_name": "empty.txt"}
    answer = instance.request(
        "POST", f"{ATTACHMENTS}/file", params=params, content=b"",
        headers={"Content-Type": "text/plain"},
    )  # fmt: skip
    found(answer.status_code)


def _batch(instance: "Instance", *parts: dict[str, Any]) -> dict[str, Any]:
    answer = instance.request(
        "POST", "/api/now/v1/batch", json={"batch_request_id": "7", "rest_requests": list(parts)}
    )
    assert answer.status_code == 200, answer.text
    result: dict[str, Any] = answer.json()
    return result


def _part(name: str, url: str, method: str = "GET", **more: Any) -> dict[str, Any]:
    headers = [{"name": "Accept", "value": "application/json"}]
    return {"id": name, "url": url, "method": method, "headers": headers, **more}


LIST = "/api/now/table/sys_user_group?sysparm_limit=1&sysparm_fields=sys_id"


@fact("batch-api.md; PySNC needs the id as a text")
def test_a_batch(instance: "Instance") -> None:
    """A batch answers batch_request_id as a text, and one serviced request for each of its own."""
    answer = _batch(instance, _part("a", LIST), _part("b", LIST))
    assert answer["batch_request_id"] == "7"
    assert {part["id"] for part in answer["serviced_requests"]} == {"a", "b"}
    assert answer["unserviced_requests"] == []


@fact(BATCH_API)
def test_a_part_of_a_batch(instance: "Instance") -> None:
    """A part has its own status, and its body in Base64."""
    [part] = _batch(instance, _part("a", LIST))["serviced_requests"]
    assert part["status_code"] == 200
    assert isinstance(json.loads(base64.b64decode(part["body"]))["result"], list)


@fact("PySNC reads X-Total-Count of a part")
def test_headers_of_a_part(instance: "Instance") -> None:
    """A part has its headers, X-Total-Count among them."""
    [part] = _batch(instance, _part("a", LIST))["serviced_requests"]
    names = {header["name"].lower() for header in part["headers"]}
    assert "x-total-count" in names


@fact(BATCH_API)
def test_a_part_that_fails(instance: "Instance") -> None:
    """A part that fails takes nothing of the others along."""
    parts = (_part("a", "/api/now/table/no_such_table"), _part("b", LIST))
    answer = _batch(instance, *parts)["serviced_requests"]
    assert {part["id"]: part["status_code"] for part in answer} == {"a": 400, "b": 200}


@fact(BATCH_API)
def test_a_write_in_a_batch(instance: "Instance") -> None:
    """A part may write; its body is Base64, too."""
    record = instance.create("incident")
    body = base64.b64encode(json.dumps({"urgency": "2"}).encode()).decode()
    part = _part("a", f"/api/now/table/incident/{record['sys_id']}", "PATCH", body=body)
    part["headers"].append({"name": "Content-Type", "value": "application/json"})
    assert _batch(instance, part)["serviced_requests"][0]["status_code"] == 200
    assert instance.read("incident", record["sys_id"], "urgency") == {"urgency": "2"}


@fact(AGGREGATE_API)
def test_a_count(instance: "Instance") -> None:
    """sysparm_count answers `stats.count` as a text."""
    answer = instance.get("/api/now/stats/sys_user_group", params={"sysparm_count": "true"})
    assert int(answer.json()["result"]["stats"]["count"]) > 0


@fact("Recorded: itential, getAggregate")
def test_groups(instance: "Instance") -> None:
    """sysparm_group_by answers a list, each with stats and groupby_fields."""
    params = {"sysparm_count": "true", "sysparm_group_by": "language",
              "sysparm_query": "name=incident^element=state"}  # fmt: skip
    result = instance.get("/api/now/stats/sys_choice", params=params).json()["result"]
    assert isinstance(result, list)
    assert result[0]["groupby_fields"][0]["field"] == "language"
    assert int(result[0]["stats"]["count"]) > 0


@fact(AGGREGATE_API)
def test_an_average(instance: "Instance") -> None:
    """sysparm_avg_fields answers `stats.avg` with the column."""
    params = {"sysparm_avg_fields": "sequence", "sysparm_query": "name=incident^element=state"}
    stats = instance.get("/api/now/stats/sys_choice", params=params).json()["result"]["stats"]
    assert float(stats["avg"]["sequence"]) >= 0


@probe("A mock of servicenow-sdk-go says 400")
def test_no_aggregate(instance: "Instance", found: Found) -> None:
    """What the Aggregate API answers if nothing is asked for."""
    found(instance.get("/api/now/stats/incident").status_code)


@probe("api-reference/rest-apis/c_ImportSetAPI.md")
def test_an_unknown_staging_table(instance: "Instance", found: Found) -> None:
    """What an import into an unknown staging table is answered with."""
    instance.may_write()
    found(instance.request("POST", "/api/now/import/no_such_table", json={"a": "b"}).status_code)


@fact("Measured by several: any refusal is access_denied")
def test_an_unknown_client(instance: "Instance") -> None:
    """A token for an unknown client is 401, with error and error_description."""
    form = {"grant_type": "password", "client_id": "no-such-client", "client_secret": "x",
            "username": instance.user.name, "password": "x"}  # fmt: skip
    answer = instance.request("POST", "/oauth_token.do", data=form, anonymous=True)
    assert answer.status_code == 401
    assert {"error", "error_description"} <= set(answer.json())


@probe(OAUTH)
def test_a_token_asked_for_in_json(instance: "Instance", found: Found) -> None:
    """What a JSON body to /oauth_token.do is answered with."""
    answer = instance.request("POST", "/oauth_token.do", json={"grant_type": "password"},
                              anonymous=True)  # fmt: skip
    found(answer.status_code)


@probe("platform-security/authentication/configure-api-key.md")
def test_an_unknown_api_key(instance: "Instance", found: Found) -> None:
    """What an unknown API key is answered with."""
    answer = instance.get("/api/now/table/incident", anonymous=True,
                          headers={"x-sn-apikey": "no-such-key"})  # fmt: skip
    found(answer.status_code)
