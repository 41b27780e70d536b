"""template.yaml, the folders and the events name the same functions, routes and rights."""

import importlib
import json
import re

import pytest

from actionsync.connections.clients import DEADLINE_SECONDS
from actionsync.events.outgoing import OWN_SOURCE, SOURCE
from actionsync.http.callers import MACHINE_SCOPE
from actionsync.stores.correlations import LEASE_SECONDS
from actionsync.stores.idempotency import LEASE_SECONDS as CLAIM_SECONDS
from actionsync.stores.pauses import PROBE_SECONDS
from actionsync.stores.waiting import RELEASED_SECONDS
from local.operations import operations
from tests.template import ROOT, functions, metrics, public, statements, template, uses_own_key

FOLDERS = sorted(path.parent.name for path in (ROOT / "functions").glob("*/app.py"))
PAGES = {"show_page"}
# API Gateway quotas: HTTP API, maximum integration timeout.
API_GATEWAY_SECONDS = 30
OF_QUEUES = [folder for folder in FOLDERS if folder.startswith("on_")]
RESOURCES = {
    f"{name}.Arn"
    for name, resource in template()["Resources"].items()
    if resource["Type"] in {"AWS::DynamoDB::Table", "AWS::SQS::Queue", "AWS::Events::EventBus"}
}
SCHEDULED = {"release_waiting", "check_connection"}
OTHERS = {"rotate_secret", "receive_logs"}
OF_HTTP = [folder for folder in FOLDERS if folder not in {*OF_QUEUES, *SCHEDULED, *OTHERS}]
# Who may read a connection's secret speaks to ServiceNow.
SPEAKS_TO_SERVICENOW = {
    folder
    for folder in FOLDERS
    for statement in statements(folder)
    if "secretsmanager:GetSecretValue" in statement["Action"]
    and statement["Resource"]["Fn::Sub"].endswith("/connection/*")
}


def test_every_folder_is_a_function() -> None:
    """Each folder under functions/ is deployed, and nothing else is."""
    assert sorted(functions()) == FOLDERS


@pytest.mark.parametrize("folder", FOLDERS)
def test_a_function_has_one_name(folder: str) -> None:
    """Folder and logical id are the same name in each place's own form."""
    logical_id = "".join(word.capitalize() for word in folder.split("_")) + "Function"
    resource = template()["Resources"][logical_id]
    assert resource["Properties"]["CodeUri"] == f"functions/{folder}"


@pytest.mark.parametrize("folder", OF_HTTP)
def test_the_template_has_a_functions_routes(folder: str) -> None:
    """All that its code answers, a route for each ticket type among them, and no others."""
    in_template = {
        f"{http['Properties']['Method']} {http['Properties']['Path']}"
        for http in functions()[folder]["Events"].values()
    }
    in_code = {f"{op.method} {op.path}" for op in operations() if op.folder == folder}
    assert in_code <= in_template, f"template.yaml lacks {in_code - in_template} of {folder}"
    assert in_template <= in_code, f"functions/{folder} does not answer {in_template - in_code}"


def test_timeouts_nest() -> None:
    """Whoever waits waits longer than what it waits for, with room for what comes besides."""
    globals_ = template()["Globals"]["Function"]
    assert DEADLINE_SECONDS + 5 <= globals_["Timeout"] < API_GATEWAY_SECONDS
    assert DEADLINE_SECONDS < PROBE_SECONDS
    assert globals_["Timeout"] < CLAIM_SECONDS
    resources = template()["Resources"]
    for folder in OF_QUEUES:
        kind = folder.removeprefix("on_").capitalize()
        function = resources[f"On{kind}Function"]["Properties"]
        # A change is opened, moved and noted one after the other.
        assert function["Timeout"] > 2 * DEADLINE_SECONDS
        # Lambda developer guide: Creating and configuring an Amazon SQS event source mapping.
        assert resources[f"{kind}Queue"]["Properties"]["VisibilityTimeout"] >= (
            6 * function["Timeout"]
        )


@pytest.mark.parametrize("folder", OF_QUEUES)
def test_a_queue_is_whole(folder: str) -> None:
    """Each kind of event has its queue, dead-letter queue and source, joined as they must be."""
    kind = folder.removeprefix("on_").capitalize()
    resources = template()["Resources"]
    function = resources[f"On{kind}Function"]["Properties"]
    assert function["CodeUri"] == f"functions/{folder}"
    assert "Events" not in function
    source = resources[f"{kind}Source"]["Properties"]
    assert source["FunctionName"] == {"Ref": f"On{kind}Function"}
    assert source["EventSourceArn"] == {"Fn::GetAtt": f"{kind}Queue.Arn"}
    assert source["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert source["ScalingConfig"] == {"MaximumConcurrency": {"Ref": "MaxConcurrency"}}
    queue = resources[f"{kind}Queue"]["Properties"]
    assert queue["RedrivePolicy"]["deadLetterTargetArn"] == {"Fn::GetAtt": f"{kind}DeadLetters.Arn"}
    assert function["Timeout"] < LEASE_SECONDS
    assert queue["VisibilityTimeout"] > LEASE_SECONDS
    module = importlib.import_module(f"functions.{folder}.app")
    assert (module.__doc__ or "").startswith(f"The queue of {kind.lower()}s: ")
    for alarm, watched in (
        ("DeadLettersAlarm", {"Fn::GetAtt": f"{kind}DeadLetters.QueueName"}),
        ("AgeAlarm", {"Fn::GetAtt": f"{kind}Queue.QueueName"}),
        ("ThrottlesAlarm", {"Ref": f"On{kind}Function"}),
        (f"{kind}ErrorsAlarm", {"Ref": f"On{kind}Function"}),
    ):
        assert watched in [metric["Dimensions"][0]["Value"] for metric in metrics(alarm)]


def test_no_function_sends_to_its_own_source() -> None:
    """Lambda ends such a loop after 16 rounds; only the tick and receivers send to such queues.

    The template lets nobody else, and the code of what works a queue off has no way to one.
    """
    resources = template()["Resources"]
    sources = {
        source["Properties"]["FunctionName"]["Ref"]: source["Properties"]["EventSourceArn"]
        for source in resources.values()
        if source["Type"] == "AWS::Lambda::EventSourceMapping"
    }
    queues = {resource["Fn::GetAtt"] for resource in sources.values()}
    senders: dict[str, set[str]] = {}
    for folder in FOLDERS:
        name = "".join(word.capitalize() for word in folder.split("_")) + "Function"
        for statement in statements(folder):
            for action in statement["Action"]:
                if any(
                    "Send" in action or action == "sns:Publish" for action in statement["Action"]
                ):
                    resource = statement["Resource"]
                    to = resource.get("Fn::GetAtt") or resource["Ref"]
                    senders.setdefault(name, set()).add(to)
    for sender in (
        "ReleaseWaitingFunction", "ReceiveWebhookFunction", "SendDeliveryAgainFunction",
        "ReceiveLogsFunction", "GateDeploymentFunction",
    ):  # fmt: skip
        assert senders.pop(sender) == {"EventQueue.Arn"}
        assert sender not in sources
    # Notices go to people alone: no queue of the stack has that topic.
    assert senders.pop("OnEventFunction") == {"NoticeTopic"}
    subscribed = {
        resource["Properties"]["TopicArn"]["Ref"]
        for resource in resources.values()
        if resource["Type"] == "AWS::SNS::Subscription"
    }
    assert "NoticeTopic" not in subscribed
    assert not set(senders) & set(sources)
    assert all(not sent & queues for sent in senders.values())
    calls = {
        path.relative_to(ROOT / "layers/actionsync/actionsync").as_posix()
        for path in (ROOT / "layers/actionsync/actionsync").rglob("*.py")
        if re.search(r"\bsqs\(\)|\.send_message|\.publish\(", path.read_text())
    }
    assert calls == {
        "aws.py", "events/queueing.py", "queues/release.py", "stores/addresses.py",
        "wiring/gates.py", "wiring/logs.py", "wiring/tick.py", "wiring/webhooks.py",
    }  # fmt: skip


def test_variables_are_texts() -> None:
    """A number in the template is none in a function's environment."""
    globally = template()["Globals"]["Function"]["Environment"]["Variables"]
    for properties in ({"Environment": {"Variables": globally}}, *functions().values()):
        variables = properties.get("Environment", {}).get("Variables", {})
        assert [name for name, value in variables.items() if isinstance(value, int)] == []


def test_the_tick_runs_each_minute() -> None:
    """One schedule, whose run ends before the next begins, and is not repeated."""
    function = template()["Resources"]["ReleaseWaitingFunction"]["Properties"]
    (schedule,) = function["Events"].values()
    assert schedule["Type"] == "Schedule"
    assert schedule["Properties"]["Schedule"] == "rate(1 minute)"
    assert schedule["Properties"]["RetryPolicy"]["MaximumRetryAttempts"] == 0
    assert function["Timeout"] <= 60
    variables = function["Environment"]["Variables"]
    assert variables["EVENT_QUEUE_URL"] == {"Ref": "EventQueue"}
    assert resources_timeout("EventQueue") < RELEASED_SECONDS


def resources_timeout(queue: str) -> int:
    """Return for how long a message of a queue is hidden from others."""
    seconds: int = template()["Resources"][queue]["Properties"]["VisibilityTimeout"]
    return seconds


@pytest.mark.parametrize("folder", FOLDERS)
def test_a_function_is_wiring(folder: str) -> None:
    """A handler stays small, and neither catches, configures nor talks to AWS itself."""
    source = (ROOT / "functions" / folder / "app.py").read_text()
    further_routes = max(len(functions()[folder].get("Events", {})) - 1, 0)
    assert len(source.splitlines()) <= 40 + 8 * further_routes
    assert not re.search(r"\b(try|boto3|os\.environ)\b", source)


@pytest.mark.parametrize("folder", FOLDERS)
def test_a_function_has_events(folder: str) -> None:
    """Each function has a valid payload, and one that it refuses if it takes any input."""
    names = {path.stem for path in (ROOT / "events" / folder).glob("*.json")}
    assert "valid" in names
    takes_nothing = folder in SCHEDULED or (
        folder in public()
        and all(
            "{" not in http["Properties"]["Path"] for http in functions()[folder]["Events"].values()
        )
    )
    assert takes_nothing or any(name.startswith("invalid_") for name in names)


# Actions for which AWS knows no resource (service authorization reference).
OF_NO_RESOURCE = {"sns:GetSubscriptionAttributes", "sns:Unsubscribe"}


@pytest.mark.parametrize("folder", FOLDERS)
def test_rights_are_exact(folder: str) -> None:
    """No right covers all actions, or a resource that is not the stack's own."""
    assert bool(statements(folder)) == (folder not in PAGES)
    for statement in statements(folder):
        assert statement["Effect"] == "Allow"
        assert all(re.fullmatch(r"[a-z]+:[A-Z]\w+", action) for action in statement["Action"])
        resource = statement["Resource"]
        if resource == "*":
            assert set(statement["Action"]) <= OF_NO_RESOURCE
        elif "Ref" in resource:
            assert resource["Ref"] == "NoticeTopic"
        elif "Fn::GetAtt" in resource:
            assert resource["Fn::GetAtt"] in RESOURCES
        elif statement["Action"] == ["kms:Sign"]:  # of any key, by the stack's own aliases alone
            alias = {"kms:RequestAlias": {"Fn::Sub": "alias/actionsync/${AWS::StackName}/*"}}
            assert statement["Condition"] == {"StringLike": alias}
        else:
            name = resource["Fn::Sub"]
            kind = "webhook" if "webhook" in folder else "connection"
            assert name.endswith(
                f":secret:actionsync/${{AWS::StackName}}/{kind}/*"
            ) or re.fullmatch(r"\$\{\w+Table\.Arn\}/index/\w+", name)


def test_only_pages_are_public() -> None:
    """What needs no token are the pages and their files, and webhooks, which senders sign."""
    assert public() == {*PAGES, "receive_webhook"}


@pytest.mark.parametrize("folder", FOLDERS)
def test_a_function_may_use_the_key_for_what_it_encrypts(folder: str) -> None:
    """With a key of one's own, all may use it but the pages, which read nothing."""
    assert uses_own_key(folder) == (folder not in PAGES)


def test_what_comes_out_never_comes_in() -> None:
    """Each rule of the stack's bus leaves out what the stack itself puts there of tickets."""
    rules = [
        resource["Properties"]
        for resource in template()["Resources"].values()
        if resource["Type"] == "AWS::Events::Rule" and "EventBusName" in resource["Properties"]
    ]
    assert rules
    for rule in rules:
        ((left_out,),) = (condition.values() for condition in rule["EventPattern"]["source"])
        if isinstance(left_out, dict):
            assert all(source.startswith(left_out["prefix"]) for source in (OWN_SOURCE, SOURCE))
        else:
            assert {OWN_SOURCE, SOURCE} <= set(left_out)


def test_functions_of_equal_rights_share_a_role() -> None:
    """No two roles say the same."""
    rights: dict[str, str] = {}
    for folder, properties in functions().items():
        role = properties.get("Role", {"Fn::GetAtt": f"{folder}.Arn"})["Fn::GetAtt"]
        said = json.dumps(statements(folder), sort_keys=True)
        assert rights.setdefault(said, role) == role, folder


def test_no_function_may_change_the_audit_trail() -> None:
    """They put and query: what is there stays, as far as IAM can say it."""
    found = {
        action
        for folder in FOLDERS
        for statement in statements(folder)
        if statement["Resource"] == {"Fn::GetAtt": "AuditTable.Arn"}
        for action in statement["Action"]
    }
    assert found == {"dynamodb:PutItem", "dynamodb:Query"}


def test_who_may_call_is_said() -> None:
    """An issuer has an audience; the pool knows a second factor; clients can be listed."""
    document = template()
    (rule,) = document["Rules"].values()
    assert rule["RuleCondition"] == {"Fn::Not": [{"Fn::Equals": [{"Ref": "JwtIssuer"}, ""]}]}
    (assertion,) = rule["Assertions"]
    assert assertion["Assert"] == {"Fn::Not": [{"Fn::Equals": [{"Ref": "JwtAudience"}, ""]}]}
    pool = document["Resources"]["UserPool"]["Properties"]
    assert pool["EnabledMfas"] == ["SOFTWARE_TOKEN_MFA"]
    assert pool["MfaConfiguration"] == {"Ref": "Mfa"}
    assert document["Parameters"]["Mfa"]["Default"] == "OPTIONAL"
    auth = document["Resources"]["Api"]["Properties"]["Auth"]
    audience = auth["Authorizers"]["Oidc"]["JwtConfiguration"]["audience"]
    own, others = audience["Fn::If"][1:]
    condition, alone, among = own["Fn::If"]
    pages, machines = {"Ref": "UserPoolClient"}, {"Ref": "MachineUserPoolClient"}
    assert condition == "NoFurtherClients"
    assert alone == {"Fn::If": ["Machines", [pages, machines], [pages]]}
    listed = [{"Fn::Split": [",", {"Fn::Sub": names}]} for names in (
        "${UserPoolClient},${MachineUserPoolClient},${JwtAudience}",
        "${UserPoolClient},${JwtAudience}",
    )]  # fmt: skip
    assert among == {"Fn::If": ["Machines", *listed]}
    assert others == {"Fn::Split": [",", {"Ref": "JwtAudience"}]}


def test_a_machine_has_one_scope() -> None:
    """Off unless asked for; its client has the one grant and the one scope, and a secret."""
    document = template()
    assert document["Parameters"]["MachineClient"]["Default"] == "false"
    scopes = document["Resources"]["MachineScopes"]
    client = document["Resources"]["MachineUserPoolClient"]
    assert {scopes["Condition"], client["Condition"]} == {"Machines"}
    properties = client["Properties"]
    assert properties["AllowedOAuthFlows"] == ["client_credentials"]
    assert properties["AllowedOAuthScopes"] == [MACHINE_SCOPE]
    assert properties["GenerateSecret"] is True
    (scope,) = scopes["Properties"]["Scopes"]
    assert f"{scopes['Properties']['Identifier']}/{scope['ScopeName']}" == MACHINE_SCOPE


def test_platforms_are_answered_where_they_are_named() -> None:
    """Without the parameters there is no policy; with them it is about what they name."""
    document = template()
    for name, parameter, condition in (
        ("PipelineAnswerPolicy", "GatePipelines", "AnswersPipelines"),
        ("StateMachineAnswerPolicy", "GateStateMachines", "AnswersStateMachines"),
    ):
        assert document["Parameters"][parameter]["Default"] == ""
        policy = document["Resources"][name]
        assert policy["Condition"] == condition
        assert policy["Properties"]["Roles"] == [{"Ref": "OnEventRole"}]
        for statement in policy["Properties"]["PolicyDocument"]["Statement"]:
            if statement["Resource"] == "*":  # AWS knows no resource of what a task's token names
                assert all(action.startswith("states:SendTask") for action in statement["Action"])
            else:
                assert f"'Ref': '{parameter}'" in str(statement["Resource"])


@pytest.mark.parametrize("folder", FOLDERS)
def test_a_functions_share_of_the_account_can_be_bounded(folder: str) -> None:
    """So that a slow instance uses up nobody else's: HTTP's and events', each by a parameter."""
    default = template()["Globals"]["Function"]["ReservedConcurrentExecutions"]
    own = functions()[folder].get("ReservedConcurrentExecutions", default)
    condition, parameter = (
        ("Reserved", "ReservedConcurrency")
        if folder in OF_QUEUES
        else ("HttpReserved", "HttpConcurrency")
    )
    assert own == {"Fn::If": [condition, {"Ref": parameter}, {"Ref": "AWS::NoValue"}]}


@pytest.mark.parametrize("folder", FOLDERS)
def test_answers_of_servicenow_fit_a_functions_memory(folder: str) -> None:
    """As tests/integration/test_memory.py measures it for one of HTTP and one of events."""
    properties = functions()[folder]
    variables = properties.get("Environment", {}).get("Variables", {})
    default = template()["Globals"]["Function"]["Environment"]["Variables"]["MAX_RESPONSE_MIB"]
    assert variables.get("MAX_RESPONSE_MIB", default) == ("1" if folder in OF_QUEUES else "4")
    calls_servicenow = any(op.folder == folder and op.calls_servicenow for op in operations())
    if folder in OF_QUEUES or calls_servicenow or folder == "rotate_secret":
        assert properties.get("MemorySize", 512) >= 512


@pytest.mark.parametrize("folder", FOLDERS)
def test_who_speaks_to_servicenow_can_reach_a_private_instance(folder: str) -> None:
    """And nobody else is in the VPC, or may make network interfaces; without one, nobody may."""
    vpc = {
        "Fn::If": [
            "Private",
            {"SubnetIds": {"Ref": "SubnetIds"}, "SecurityGroupIds": {"Ref": "SecurityGroupIds"}},
            {"Ref": "AWS::NoValue"},
        ]
    }
    name = "service-role/AWSLambdaVPCAccessExecutionRole"
    access = {
        "Fn::If": [
            "Private",
            {"Fn::Sub": f"arn:${{AWS::Partition}}:iam::aws:policy/{name}"},
            {"Ref": "AWS::NoValue"},
        ]
    }
    properties, managed = functions()[folder], []
    if "Role" in properties:
        role = template()["Resources"][properties["Role"]["Fn::GetAtt"].removesuffix(".Arn")]
        managed = role["Properties"]["ManagedPolicyArns"]
    if folder in SPEAKS_TO_SERVICENOW:
        assert properties["VpcConfig"] == vpc, f"template.yaml: {folder} needs the VpcConfig"
        assert access in managed, f"template.yaml: {folder} needs the role of the VpcConfig"
    else:
        assert "VpcConfig" not in properties
        assert access not in managed


def test_a_domain_is_whole_or_not_at_all() -> None:
    """Sign-in comes back to it, it leads to the API, and AWS's own address is closed."""
    resources = template()["Resources"]
    for name in ("Domain", "DomainMapping"):
        assert resources[name]["Condition"] == "OwnDomain"
    page = [{"Fn::Sub": "https://${DomainName}/settings"}]
    client = resources["UserPoolClient"]["Properties"]
    for name in ("CallbackURLs", "LogoutURLs"):
        assert client[name] == {"Fn::If": ["PagesOfDomain", page, {"Ref": "PageUrls"}]}
    closed = resources["Api"]["Properties"]["DisableExecuteApiEndpoint"]
    assert closed == {"Fn::If": ["OwnDomain", True, False]}
    for name, path in (("ApiUrl", ""), ("SettingsUrl", "/settings")):
        condition, own, _ = template()["Outputs"][name]["Value"]["Fn::If"]
        assert (condition, own) == ("OwnDomain", {"Fn::Sub": f"https://${{DomainName}}{path}"})


def test_nothing_published_to_the_topic_vanishes() -> None:
    """One subscription, without a filter: text that is no JSON would match none on the body."""
    (subscription,) = (
        resource["Properties"]
        for resource in template()["Resources"].values()
        if resource["Type"] == "AWS::SNS::Subscription"
    )
    assert "FilterPolicy" not in subscription
    assert subscription["Endpoint"] == {"Fn::GetAtt": "ErrorQueue.Arn"}


def test_the_check_of_a_connection_is_off_unless_asked_for() -> None:
    """Function, role and alarm alike; the alarm looks at as many seconds as there are minutes."""
    parameter = template()["Parameters"]["ConnectionCheckMinutes"]
    assert parameter["Default"] == "0"
    resources = template()["Resources"]
    for name in ("CheckConnectionFunction", "CheckConnectionRole", "ConnectionAlarm"):
        assert resources[name]["Condition"] == "Checked"
    seconds = template()["Mappings"]["Seconds"]["OfMinutes"]
    assert set(seconds) == set(parameter["AllowedValues"])
    assert all(value == 60 * int(minutes) for minutes, value in seconds.items() if minutes != "0")
