"""The deployed API: who may call, whose data it is, and the main job from end to end."""

import base64
import json
import uuid
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import pytest

from local.cloud import STACK
from local.servicenow import faults, seed
from local.servicenow.access import Application
from tests.template import functions, public

if TYPE_CHECKING:
    from collections.abc import Callable

    from local.cloud import LocalCloud
    from tests.e2e.conftest import User


def test_the_routes_are_the_templates(cloud: "LocalCloud") -> None:
    """Every function has its route, method for method, and all but the pages are guarded."""
    wanted = {}
    for folder, properties in functions().items():
        if "Events" not in properties:
            continue  # it processes a queue, or is Secrets Manager's
        for http in properties["Events"].values():
            if http["Type"] == "HttpApi":
                key = f"{http['Properties']['Method']} {http['Properties']['Path']}"
                wanted[key] = None if folder in public() else "Oidc"
    assert {route.key: route.authorizer for route in cloud.routes} == wanted
    apigateway = cloud.client("apigatewayv2")
    api_id = cloud.outputs["ApiUrl"].removeprefix("https://").partition(".")[0]
    made = apigateway.get_routes(ApiId=api_id)["Items"]
    guards = {"JWT": "Oidc", "NONE": None}
    assert {item["RouteKey"]: guards[item["AuthorizationType"]] for item in made} == wanted


def test_without_a_good_token_nobody_calls(
    cloud: "LocalCloud", new_user: "Callable[[], User]"
) -> None:
    """No token, a broken one, an unsigned one, another's signature and changed claims are 401."""
    token = new_user().token
    header, claims, signature = token.split(".")
    changed = _decoded(claims) | {"sub": "somebody-else"}
    expired = _decoded(claims) | {"exp": 1}
    unsigned = _encoded({"alg": "none", "typ": "JWT"})
    for bad in (
        None,
        "x",
        f"{header}.{claims}.",
        f"{unsigned}.{claims}.",
        f"{header}.{_encoded(changed)}.{signature}",
        f"{header}.{_encoded(expired)}.{signature}",
    ):
        with cloud.http(bad) as http:
            for route in cloud.routes:
                if route.authorizer is None:
                    continue
                method, _, path = route.key.partition(" ")
                answer = http.request(method, path.replace("{", "").replace("}", ""))
                assert answer.status_code == 401, (route, bad)


def test_another_pools_token_is_refused(cloud: "LocalCloud") -> None:
    """A genuine token of another issuer opens nothing."""
    cognito = cloud.client("cognito-idp")
    pool = cognito.create_user_pool(PoolName="others")["UserPool"]["Id"]
    client = cognito.create_user_pool_client(
        UserPoolId=pool, ClientName="others", ExplicitAuthFlows=["ALLOW_ADMIN_USER_PASSWORD_AUTH"]
    )["UserPoolClient"]["ClientId"]
    cognito.admin_create_user(UserPoolId=pool, Username="eve")
    cognito.admin_set_user_password(
        UserPoolId=pool, Username="eve", Password="Aa1-a-long-password", Permanent=True
    )
    answer = cognito.admin_initiate_auth(
        UserPoolId=pool,
        ClientId=client,
        AuthFlow="ADMIN_USER_PASSWORD_AUTH",
        AuthParameters={"USERNAME": "eve", "PASSWORD": "Aa1-a-long-password"},
    )
    token = answer["AuthenticationResult"]["AccessToken"]
    with cloud.http(token) as http:
        assert http.get("/api/servicenow/config").status_code == 401


def test_an_id_token_opens_nothing(cloud: "LocalCloud") -> None:
    """The pool's own, signed and not expired: it says who signed in, and is for the pages alone."""
    password = cloud.make_user("id-token@example.com")
    answer = cloud.client("cognito-idp").admin_initiate_auth(
        UserPoolId=cloud.outputs["UserPoolId"],
        ClientId=cloud.outputs["UserPoolClientId"],
        AuthFlow="ADMIN_USER_PASSWORD_AUTH",
        AuthParameters={"USERNAME": "id-token@example.com", "PASSWORD": password},
    )["AuthenticationResult"]
    statuses = []
    for name in ("IdToken", "AccessToken"):
        with cloud.http(answer[name]) as http:
            statuses.append(http.get("/api/servicenow/rules").status_code)
    assert statuses == [401, 200]


def test_users_do_not_meet(cloud: "LocalCloud", new_user: "Callable[[], User]") -> None:
    """B can neither see, use, change nor remove what A has stored."""
    ada, bob = new_user(), new_user()
    ada.connect(cloud)
    config = ada.call("GET", "config").json()
    number = ada.call("POST", "incidents", {"short_description": "Ada's"}).json()["number"]

    assert bob.call("GET", "config").status_code == 404
    assert bob.call("POST", "test").status_code == 404
    assert bob.call("GET", f"incidents/{number}").status_code == 404
    assert bob.call("PUT", "config", {"password": "x"}).status_code == 404
    assert bob.call("DELETE", "config").status_code == 404
    for name in ("user_id", "sub", "id"):
        body = {"instance_url": cloud.simulator.url, "username": "x", "password": "x", name: "ada"}
        assert bob.call("POST", "config", body).status_code == 422

    bob.connect(cloud, "reader")
    assert bob.call("POST", "incidents", {"short_description": "Bob's"}).status_code == 424
    assert ada.call("GET", "config").json() == config


def test_the_password_is_in_secrets_manager_alone(
    cloud: "LocalCloud", new_user: "Callable[[], User]"
) -> None:
    """Through every function, no answer, item or log line holds it."""
    user = new_user()
    user.connect(cloud)
    password = seed.USERS[seed.INTEGRATION_USER][0]
    made = user.call("POST", "incidents", {"short_description": "x"}, headers=_key()).json()
    answers = [
        user.call("GET", "config"),
        user.call("POST", "test"),
        user.call("GET", f"incidents/{made['number']}"),
        user.call("PUT", "config", {"password": password}),
        user.call("POST", "config", {"instance_url": "https://x.y", "password": password}),
    ]
    assert all(password not in answer.text for answer in answers)
    dynamodb = cloud.client("dynamodb")
    for table in dynamodb.list_tables()["TableNames"]:
        assert password not in json.dumps(dynamodb.scan(TableName=table)["Items"], default=str)
    logs = cloud.client("logs")
    lines = [
        event["message"]
        for group in logs.describe_log_groups()["logGroups"]
        for event in logs.filter_log_events(logGroupName=group["logGroupName"])["events"]
    ]
    assert any("answered" in line for line in lines)
    assert not any(password in line for line in lines)


def test_an_incidents_life(cloud: "LocalCloud", new_user: "Callable[[], User]") -> None:
    """Opened, read, noted, found, changed and resolved, each seen in ServiceNow itself."""
    user = new_user()
    user.connect(cloud)
    assert user.call("POST", "test").json()["success"] is True
    new = {"short_description": "End to end", "urgency": "1", "impact": "1",
           "assignment_group": "Hardware"}  # fmt: skip
    made = user.call("POST", "incidents", new, headers=_key()).json()
    assert cloud.simulator.one("incident", sys_id=made["sys_id"])["priority"] == "1"
    path = f"incidents/{made['number']}"
    assert user.call("GET", path).json()["sys_id"] == made["sys_id"]
    note = {"work_note": "noted"}
    assert user.call("POST", f"{path}/work-notes", note).status_code == 201
    assert cloud.simulator.one("sys_journal_field", element_id=made["sys_id"])["value"] == "noted"
    found = user.call("GET", "incidents?assignment_group=Hardware&state=new").json()
    assert made["number"] in [item["number"] for item in found["incidents"]]
    assert user.call("PATCH", path, {"state": "2"}).json()["state"] == "2"
    closed = user.call("POST", f"{path}/close", {"close_notes": "done"})
    assert closed.status_code == 200, closed.text
    assert cloud.simulator.one("incident", sys_id=made["sys_id"])["state"] == "6"


def test_a_changes_life(cloud: "LocalCloud", new_user: "Callable[[], User]") -> None:
    """A standard change is raised, stepped through its states and closed."""
    user = new_user()
    user.connect(cloud)
    new = {"short_description": "Deploy", "type": "standard", "template": "Deploy a service"}
    made = user.call("POST", "change-requests", new, headers=_key()).json()
    path = f"change-requests/{made['number']}"
    for state in ("scheduled", "implement"):
        assert user.call("PATCH", path, {"state": state}).status_code == 200
    assert user.call("GET", path).json()["state"] == "-1"
    closed = user.call("POST", f"{path}/close", {"close_notes": "done"})
    assert closed.status_code == 200, closed.text
    row = cloud.simulator.one("change_request", sys_id=made["sys_id"])
    assert (row["state"], row["close_code"]) == ("3", "successful")


@pytest.mark.parametrize(
    ("fault", "status"),
    [
        (faults.hibernating(times=None), 503),
        (faults.server_error(times=None), 502),
        (faults.error(401, "User Not Authenticated", "Required", times=None), 424),
        (faults.rate_limited(30, times=None), 429),
    ],
)
def test_a_failing_instance_is_reported_as_such(
    cloud: "LocalCloud", new_user: "Callable[[], User]", fault: Any, status: int
) -> None:
    """Through API Gateway, too, ServiceNow's failure keeps its own words."""
    user = new_user()
    user.connect(cloud)
    cloud.simulator.faults.add(fault)
    answer = user.call("GET", f"incidents/{seed.sys_id('incident 1')}")
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["servicenow"]["message"]
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        # It is paused until a test shows that it answers again.
        cloud.simulator.faults.clear()
        again = user.call("GET", f"incidents/{seed.sys_id('incident 1')}")
        assert "is paused" in again.json()["detail"]
        assert user.call("POST", "test").json()["success"]
        assert user.call("POST", "change-requests", {"short_description": "x"}).status_code == 201


def test_a_failure_after_the_commit_makes_one_incident(
    cloud: "LocalCloud", new_user: "Callable[[], User]"
) -> None:
    """The connection is cut once the record is made; the caller gets that record."""
    user = new_user()
    user.connect(cloud)
    cloud.simulator.faults.add(faults.Fault(method="POST", reset=True, after_commit=True))
    answer = user.call("POST", "incidents", {"short_description": "cut off"}, headers=_key())
    assert answer.status_code == 201, answer.text
    made = cloud.simulator.one("incident", short_description="cut off")
    assert made["sys_id"] == answer.json()["sys_id"]


def _key() -> dict[str, str]:
    return {"Idempotency-Key": uuid.uuid4().hex}


def _decoded(part: str) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    return document


def _encoded(document: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(document).encode()).decode().rstrip("=")


def test_oauth_end_to_end(cloud: "LocalCloud", new_user: "Callable[[], User]") -> None:
    """Tested, stored, used for a ticket, changed to a password and back, by real functions."""
    cloud.simulator.instance.add_application(
        Application("e2e", "an-e2e-secret", seed.INTEGRATION_USER)
    )
    user = new_user()
    body = {
        "instance_url": cloud.simulator.url,
        "auth_method": "oauth_client_credentials",
        "client_id": "e2e",
        "client_secret": "an-e2e-secret",
    }
    wrong = user.call("POST", "test", {**body, "client_secret": "wrong"}).json()
    assert wrong["checks"][1]["servicenow"]["message"] == "OAuth: server_error, access_denied"
    assert user.call("POST", "test", body).json()["success"]
    made = user.call("POST", "config", body)
    assert made.status_code == 201
    assert "an-e2e-secret" not in made.text
    ticket = user.call("POST", "incidents", {"short_description": "By OAuth"}, headers=_key())
    assert ticket.status_code == 201
    username = seed.INTEGRATION_USER
    basic = {"auth_method": "basic", "username": username, "password": seed.USERS[username][0]}
    assert user.call("PUT", "config", basic).json()["auth_method"] == "basic"
    assert user.call("PUT", "config", body).json()["client_id"] == "e2e"
    assert user.call("POST", "test").json()["success"]


def test_a_password_is_rotated(cloud: "LocalCloud", new_user: "Callable[[], User]") -> None:
    """By the deployed function under its own rights, as Secrets Manager calls it."""
    cloud.simulator.instance.add_user("rotated", "first-password", "itil", "user_admin")
    user = new_user()
    body = {
        "instance_url": cloud.simulator.url,
        "username": "rotated",
        "password": "first-password",
    }
    stored = user.call("POST", "config", body)
    assert stored.status_code == 201
    token = str(uuid.uuid4())
    for step in ("createSecret", "setSecret", "testSecret", "finishSecret"):
        answer = cloud.client("lambda").invoke(
            FunctionName=cloud.resource("RotateSecretFunction"),
            Payload=json.dumps(
                {
                    "Step": step,
                    "SecretId": f"actionsync/{STACK}/connection/{stored.json()['id']}",
                    "ClientRequestToken": token,
                }
            ),
        )
        assert "FunctionError" not in answer, answer["Payload"].read()
    assert cloud.simulator.instance.accounts["rotated"].password != "first-password"
    assert user.call("POST", "test").json()["success"]
