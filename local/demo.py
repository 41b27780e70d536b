"""`make demo`: a tour of the whole product, each step checked in the ServiceNow simulator."""

import json
import re
import ssl
import sys
import time
from contextlib import closing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import httpx
from rich.console import Console

from local import update_set
from local.cloud import LocalCloud, LocalCloudError, stop_on_signals, token_claims
from local.servicenow import seed

if TYPE_CHECKING:
    from collections.abc import Callable

EMAIL = "ada@example.com"
# The recipe of docs/your-own-event.md, with its examples.
SPEED_TESTS: dict[str, Any] = {
    "recipe": {
        "title": "Speed tests",
        "sources": ["shop.speed"],
        "ends": "event",
        "forms": [
            {
                "types": ["Speed Test"],
                "trigger": "detail.result == 'slow'",
                "end": "detail.result == 'fast'",
                "key": ["detail.page"],
                "labels": {"page": "detail.page", "seconds": "detail.seconds"},
                "title": "{{labels.page}} is slow",
                "message": "{{labels.page}} took {{labels.seconds}} seconds.",
            }
        ],
    },
    "triggers": [
        {
            "source": "shop.speed",
            "detail-type": "Speed Test",
            "detail": {"page": "/cart", "result": "slow", "seconds": seconds},
        }
        for seconds in (9, 7)
    ],
    "end": {
        "source": "shop.speed",
        "detail-type": "Speed Test",
        "detail": {"page": "/cart", "result": "fast", "seconds": 1},
    },
}

# A pipeline that waits before it deploys (docs/gates.md).
PIPELINE: dict[str, Any] = {
    "StartAt": "WaitForChange",
    "States": {
        "WaitForChange": {
            "Type": "Task",
            "Resource": "arn:aws:states:::events:putEvents.waitForTaskToken",
            "TimeoutSeconds": 3600,
            "Parameters": {
                "Entries": [
                    {
                        "Source": "demo",
                        "DetailType": "Deployment",
                        "Detail": {
                            "application": "search",
                            "environment": "production",
                            "type": "normal",
                            "deployment_id.$": "$$.Execution.Name",
                            "task_token.$": "$$.Task.Token",
                        },
                    }
                ]
            },
            "Next": "Deploy",
        },
        "Deploy": {"Type": "Pass", "End": True},
    },
}


class DemoError(Exception):
    """A step did not do what it should."""


@dataclass
class Tour:
    """A tour of the product as a signed-in user, on a local cloud."""

    cloud: LocalCloud
    console: Console
    http: "httpx.Client" = field(init=False)
    token: str = field(init=False)
    webhooks: list[str] = field(default_factory=list)
    steps: int = 0

    def __post_init__(self) -> None:
        """Sign in."""
        started = time.monotonic()
        self.token = self.cloud.sign_in(EMAIL)
        self.http = self.cloud.http(self.token)
        self._print(f"{EMAIL} signs in", "a token of the stack's own user pool", started)

    def run(self) -> None:
        """Run all steps.

        Raises:
            DemoError: a step did not do what it should.
        """
        self._config()
        self._incident()
        self._change()
        self._events()
        self._clean_up()

    def _config(self) -> None:
        password, _, _ = seed.USERS[seed.INTEGRATION_USER]
        config = {
            "instance_url": self.cloud.simulator.url,
            "username": seed.INTEGRATION_USER,
            "password": password,
        }
        saved = self._call("Save the ServiceNow connection", "POST", "config", 201, config)
        _check(password not in str(saved), "the answer shows no password")
        read = self._call("Read it back", "GET", "config", 200)
        _check(read == saved, "it is what was saved, and has no password")
        report = self._call("Test it", "POST", "test", 200)
        _check(report["success"], report["message"])
        for check in report["checks"]:
            self.console.print(f"        [green]✓[/green] {check['message']}")

    def _incident(self) -> None:
        new = {
            "short_description": "Checkout answers 500",
            "description": "Since 10:00 UTC every third payment fails.",
            "urgency": "high",
            "impact": "medium",
            "category": "software",
            "assignment_group": "IT Support",
        }
        key = {"Idempotency-Key": "checkout-500"}
        made = self._call("Open an incident", "POST", "incidents", 201, new, headers=key)
        path = f"incidents/{made['number']}"
        row = self._row("incident", made["sys_id"])
        _check(row["priority"] == "2", "ServiceNow made it priority 2 from urgency and impact")
        again = self._call("Send the same again", "POST", "incidents", 201, new, headers=key)
        _check(again["sys_id"] == made["sys_id"], "there is still one incident")
        self._call(
            "Add a work note", "POST", f"{path}/work-notes", 201, {"work_note": "Failing over."}
        )
        notes = self.cloud.simulator.one("sys_journal_field", element_id=made["sys_id"])
        _check(notes["value"] == "Failing over.", "ServiceNow has the note")
        found = self._call(
            "Search the group's open incidents",
            "GET",
            "incidents?state=open&assignment_group=IT%20Support",
            200,
        )
        _check([item["number"] for item in found["incidents"]] == [made["number"]], "it is found")
        change = {"state": "in progress", "assigned_to": "beth.anglin"}
        self._call("Assign it", "PATCH", path, 200, change)
        row = self._row("incident", made["sys_id"])
        beth = self.cloud.simulator.one("sys_user", user_name="beth.anglin")
        _check((row["state"], row["assigned_to"]) == ("2", beth["sys_id"]), "Beth works on it")
        closing = {"close_notes": "Failed over to the second provider."}
        self._call("Resolve it", "POST", f"{path}/close", 200, closing)
        row = self._row("incident", made["sys_id"])
        _check(
            (row["state"], row["close_code"]) == ("6", "Solution provided"),
            "ServiceNow has it resolved, with this instance's own code",
        )

    def _change(self) -> None:
        new = {
            "short_description": "Deploy checkout 2.4.0",
            "type": "emergency",
            "risk": "moderate",
            "impact": "medium",
            "assignment_group": "IT Support",
        }
        made = self._call("Raise a change request", "POST", "change-requests", 201, new)
        path = f"change-requests/{made['number']}"
        self._call("Ask for its approval", "PATCH", path, 200, {"state": "authorize"})
        self._approve(made["sys_id"])
        self._call("Begin to implement it", "PATCH", path, 200, {"state": "implement"})
        closing = {"close_code": "successful", "close_notes": "Deployed to all zones."}
        self._call("Close it, through its review", "POST", f"{path}/close", 200, closing)
        row = self._row("change_request", made["sys_id"])
        _check((row["state"], row["close_code"]) == ("3", "successful"), "ServiceNow has it closed")

    def _approve(self, sys_id: str) -> None:
        """Approve the change as a person does, in ServiceNow."""
        started = time.monotonic()
        instance = self.cloud.simulator.instance
        asked = instance.one("sysapproval_approver", sysapproval=sys_id)
        row = instance.find("sysapproval_approver", asked["sys_id"])
        if row is None:
            raise DemoError("ServiceNow asks nobody for approval")
        manager = instance.accounts["change.manager"]
        instance.update("sysapproval_approver", row, {"state": "approved"}, manager)
        self._print("The change manager approves it", "in ServiceNow", started)
        _check(self._row("change_request", sys_id)["state"] == "-2", "it is scheduled")

    def _events(self) -> None:
        self.cloud.automate(self.token)
        rules = {
            "deployments": {"change_type": "standard", "template": "Deploy a service"},
            "sources": {"guardduty": {}},
            "rules": [
                {
                    "name": "Heals itself",
                    "match": {"service": "uplink"},
                    "then": {"hold": {"minutes": 5}},
                },
                {
                    "name": "By control",
                    "match": {"labels": {"control": "?*"}},
                    "then": {
                        "group_by": ["labels.control"],
                        "hold": {"count": 3, "within_minutes": 10},
                    },
                },
            ],
        }
        self._call("Save rules: what becomes of events", "PUT", "rules", 200, rules)
        execution = self._pipeline_waits()
        what = "Save a recipe for an own event"
        saved = self._call(what, "PUT", "recipes/speed-tests", 200, SPEED_TESTS)
        _check(saved["one_ticket"], "both examples of a slow page are one ticket")
        self._alert()
        self._finding()
        self._held()
        self._one_for_three()
        self._pipeline_goes_on(execution)
        self._speed_test()
        self._storm()
        self._alarm()
        self._refusal()
        self._deployment()
        trail = self._call("Read the audit trail", "GET", "activity?limit=5", 200)
        _check(all(item["number"] for item in trail["items"]), "every write has its ticket")

    def _pipeline_waits(self) -> str:
        """Start a pipeline that asks for its change and waits, and return its execution."""
        started = time.monotonic()
        machines = self.cloud.client("stepfunctions")
        (entry,) = PIPELINE["States"]["WaitForChange"]["Parameters"]["Entries"]
        there: dict[str, Any] = {"EventBusName": self.cloud.outputs["EventBusName"]}
        there["Detail"] = entry["Detail"] | {"user_id": token_claims(self.token)["sub"]}
        definition = json.dumps(PIPELINE).replace(json.dumps(entry), json.dumps(entry | there))
        machine = machines.create_state_machine(
            name="deploy-search", definition=definition, roleArn=self._pipeline_role()
        )
        execution: str = machines.start_execution(
            stateMachineArn=machine["stateMachineArn"], name="search-7"
        )["executionArn"]
        self._print("A pipeline waits for its change", "Step Functions → a gate waits", started)
        return execution

    def _pipeline_role(self) -> str:
        """Return the role of a state machine that may put events on the stack's bus."""
        iam = self.cloud.client("iam")
        trusts = {
            "Effect": "Allow",
            "Principal": {"Service": "states.amazonaws.com"},
            "Action": "sts:AssumeRole",
        }
        may = {"Effect": "Allow", "Action": "events:PutEvents", "Resource": "*"}
        role: str = iam.create_role(
            RoleName="pipeline", AssumeRolePolicyDocument=json.dumps(_policy(trusts))
        )["Role"]["Arn"]
        iam.put_role_policy(
            RoleName="pipeline", PolicyName="ask", PolicyDocument=json.dumps(_policy(may))
        )
        return role

    def _pipeline_goes_on(self, execution: str) -> None:
        """Approve the pipeline's change as a change manager, on ServiceNow's pages."""
        machines = self.cloud.client("stepfunctions")

        def status() -> str:
            return str(machines.describe_execution(executionArn=execution)["status"])

        (change,) = self._wait("change_request", "Deploy search", state="-4")
        _check(status() == "RUNNING", "the pipeline waits")
        started = time.monotonic()
        with closing(self._person("change.manager")) as person:
            for _ in ("its group", "the CAB"):
                asked = self.cloud.simulator.one(
                    "sysapproval_approver", sysapproval=change["sys_id"], state="requested"
                )
                page = f"/sysapproval_approver.do?sys_id={asked['sys_id']}"
                answer = person.post(page, data={"state": "approved"})
                _check(answer.status_code == 303, "the page takes the approval")  # noqa: PLR2004
        self._print("A change manager approves it", "on ServiceNow's pages", started)
        started = time.monotonic()
        self._push(change["sys_id"])
        _until("the pipeline goes on", lambda: status() == "SUCCEEDED")
        self._print(
            "The pipeline goes on", f"{change['number']} → push → the gate says go", started
        )
        _check(self._row("change_request", change["sys_id"])["state"] == "-1", "it is in Implement")

    def _push(self, sys_id: str) -> None:
        """Say that a change has changed, as the business rule of integrations/servicenow does."""
        hook = self._call("Make ServiceNow's own webhook", "POST", "webhooks/servicenow", 201)
        self.webhooks.append(hook["path"].removeprefix("/api/servicenow/"))
        body = json.dumps({"table": "change_request", "sys_id": sys_id})
        headers = update_set.signed(hook["secret"], body, int(time.time()))
        answer = self.http.post(hook["path"], content=body, headers=headers)
        _check(answer.status_code == 202, "the push is taken")  # noqa: PLR2004

    def _person(self, name: str) -> "httpx.Client":
        """Return a browser in which a person has signed in to ServiceNow."""
        simulator = self.cloud.simulator
        person = httpx.Client(
            base_url=simulator.url, verify=ssl.create_default_context(cafile=simulator.ca_file)
        )
        password, *_ = seed.USERS[name]
        person.post("/login.do", data={"user_name": name, "user_password": password})
        return person

    def _alert(self) -> None:
        """Let Alertmanager's webhook receive an alert, and its end."""
        new = {"name": "demo"}
        hook = self._call("Make Alertmanager's webhook", "POST", "webhooks/alertmanager", 201, new)
        webhook = hook["path"].removeprefix("/api/servicenow/")
        self.webhooks.append(webhook)
        secret = {"Authorization": f"Bearer {hook['secret']}"}
        alert = {
            "status": "firing",
            "labels": {"alertname": "HighErrorRate", "service": "shop", "severity": "critical"},
            "annotations": {"summary": "The shop fails"},
            "startsAt": "2026-01-10T10:00:00Z",
            "fingerprint": "41afd4d969e81545",
        }
        end = {**alert, "status": "resolved", "endsAt": "2026-01-10T10:30:00Z"}
        for what, sent, state in (
            ("Alertmanager reports an alert", alert, "1"),
            ("It reports its end", end, "6"),
        ):
            started = time.monotonic()
            body = {"version": "4", "status": "firing", "alerts": [sent]}
            self._call(what, "POST", webhook, 200, body, headers=secret)
            self._wait("incident", "The shop fails", state=state)
            done = "an incident is open" if state == "1" else "it is resolved"
            self._print("In ServiceNow", f"webhook → on_event → {done}", started)

    def _finding(self) -> None:
        """Let GuardDuty report a finding, and a person archive it.

        The events lie in the queue as the stack's rule on the default bus puts them there: nobody
        but AWS may put an event of AWS's on a bus.
        """
        started = time.monotonic()
        finding = {
            "accountId": "111122223333",
            "region": "eu-west-1",
            "id": "f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1",
            "type": "CryptoCurrency:EC2/BitcoinTool.B!DNS",
            "severity": 8,
            "updatedAt": "2026-01-10T10:00:00Z",
            "title": "An instance asks for a mining domain",
            "description": "Name look-ups of a mining pool.",
        }
        self._queue("GuardDuty Finding", finding)
        self._wait("incident", "GuardDuty: An instance asks", state="1")
        self._print("GuardDuty has a finding", "EventBridge → on_event → an incident", started)
        started = time.monotonic()
        call = {
            "eventName": "ArchiveFindings",
            "eventTime": "2026-01-10T11:00:00Z",
            "requestParameters": {"findingIds": [finding["id"]]},
        }
        self._queue("AWS API Call via CloudTrail", call)
        self._wait("incident", "GuardDuty: An instance asks", state="6")
        self._print("A person archives it", "CloudTrail → on_event → it is resolved", started)

    def _error(self, **detail: Any) -> None:
        """Put an application's error on the stack's bus."""
        user = {"user_id": token_claims(self.token)["sub"], "severity": "high"}
        self._put("demo", "Application Error", {**user, **detail})

    def _held(self) -> None:
        """Let something fail and recover within its hold: it gets no ticket."""
        started = time.monotonic()
        blip = {"service": "uplink", "fingerprint": "blip", "message": "The uplink is slow"}
        self._error(**blip)
        self._error(**blip, status="recovered")

        def healed() -> list[dict[str, Any]]:
            trail = self.http.get("/api/servicenow/activity?limit=20").json()["items"]
            return [item for item in trail if item["action"] == "healed"]

        _until("Activity says that it healed", healed)
        self._print("An uplink that heals itself", "held for five minutes: no ticket", started)
        rows = self.cloud.simulator.records("incident")
        _check(
            not [row for row in rows if "uplink" in row["short_description"]], "it has no ticket"
        )

    def _one_for_three(self) -> None:
        """Let three buckets fail one control: they are one ticket."""
        started = time.monotonic()
        for bucket in ("logs", "images", "backups"):
            self._error(
                service="buckets",
                fingerprint=bucket,
                message=f"The bucket {bucket} is public",
                labels={"control": "S3.2"},
            )
        (row,) = self._wait("incident", "buckets: The bucket")
        self._print("Three findings of one control", "grouped by a rule: one incident", started)
        named = [f"The bucket {name} is public" for name in ("logs", "images", "backups")]
        _check(all(text in row["description"] for text in named), "it lists the three")

    def _speed_test(self) -> None:
        """Put an event on the stack's bus for which there is only a recipe."""
        for example, state in ((SPEED_TESTS["triggers"][0], "1"), (SPEED_TESTS["end"], "6")):
            started = time.monotonic()
            detail = {**example["detail"], "user_id": token_claims(self.token)["sub"]}
            self._put(example["source"], example["detail-type"], detail)
            self._wait("incident", "/cart is slow", state=state)
            what = f"A speed test says {detail['result']}"
            done = "an incident is open" if state == "1" else "it is resolved"
            self._print(what, f"the stack's bus → the recipe → {done}", started)

    def _queue(self, detail_type: str, detail: dict[str, Any]) -> None:
        """Put an event of GuardDuty's into the queue of events."""
        event = {
            "id": detail_type,
            "source": "aws.guardduty",
            "detail-type": detail_type,
            "account": "111122223333",
            "region": "eu-west-1",
            "time": "2026-01-10T12:00:00Z",
            "detail": detail,
        }
        self.cloud.client("sqs").send_message(
            QueueUrl=self.cloud.outputs["EventQueueUrl"], MessageBody=json.dumps(event)
        )

    def _put(self, source: str, detail_type: str, *details: dict[str, Any]) -> None:
        """Put events of one kind on the stack's bus."""
        entries = [
            {
                "EventBusName": self.cloud.outputs["EventBusName"],
                "Source": source,
                "DetailType": detail_type,
                "Detail": json.dumps(detail),
            }
            for detail in details
        ]
        answer = self.cloud.client("events").put_events(Entries=entries)
        _check(answer["FailedEntryCount"] == 0, "the bus took every event")

    def _storm(self) -> None:
        started = time.monotonic()
        error = {
            "user_id": token_claims(self.token)["sub"],
            "service": "payments",
            "severity": "critical",
        }
        errors = [{**error, "message": f"Payment {number} failed: timeout"} for number in range(10)]
        for _ in range(5):
            self._put("shop", "Application Error", *errors)
        rows = self._wait("incident", "payments: ")
        self._print(
            "Fifty errors of one cause", "the stack's bus → on_error → one incident", started
        )
        _check(len(rows) == 1 and rows[0]["priority"] == "1", "they are one incident, priority 1")

    def _alarm(self) -> None:
        for state, wanted in (("ALARM", "1"), ("OK", "6")):
            started = time.monotonic()
            self._set_alarm("checkout-5xx", state)
            self._wait("incident", "Alarm checkout-5xx", state=wanted)
            what = "An alarm goes off" if state == "ALARM" else "It ends: the incident is resolved"
            self._print(what, "CloudWatch → SNS → on_alarm", started)

    def _refusal(self) -> None:
        """Let ServiceNow refuse a resolution by a rule of its own, and see where it ends."""
        rule = "Only people resolve search"
        self.cloud.simulator.instance.put(
            "sys_script",
            name=rule,
            collection="incident",
            filter_condition="state=6^short_descriptionLIKEsearch-latency",
            active="true",
            abort_action="true",
            action_insert="false",
            action_update="true",
        )
        self._set_alarm("search-latency", "ALARM")
        (row,) = self._wait("incident", "Alarm search-latency", state="1")
        started = time.monotonic()
        self._set_alarm("search-latency", "OK")
        _until("a note has its end", lambda: "Recovered" in self._notes(row["sys_id"]))
        _until("a note has what was refused", lambda: rule in self._notes(row["sys_id"]))
        self._print("An end that ServiceNow refuses", "its business rule → a work note", started)
        _check(self._row("incident", row["sys_id"])["state"] == "1", "the incident stays open")

        def refused() -> bool:
            items = self.http.get("/api/servicenow/activity?limit=5").json()["items"]
            return any(rule in text for item in items for text in item.get("warnings", []))

        _until("Activity has what was refused", refused)  # it is recorded after the note
        trail = self._call("See it in Activity", "GET", "activity?limit=5", 200)
        said = [text for item in trail["items"] for text in item.get("warnings", [])]
        _check(any(rule in text for text in said), "it has ServiceNow's own text")
        self.console.print("        [dim]As meant, ServiceNow's own refusal is reported:[/dim]")
        self.console.print(f"        [dim]“{said[0]}”[/dim]")

    def _notes(self, sys_id: str) -> str:
        """Return a record's work notes."""
        rows = self.cloud.simulator.records("sys_journal_field")
        return "\n".join(row["value"] for row in rows if row["element_id"] == sys_id)

    def _set_alarm(self, name: str, state: str) -> None:
        """Set the state of a CloudWatch alarm."""
        cloudwatch, topic = self.cloud.client("cloudwatch"), self.cloud.outputs["EventTopicArn"]
        cloudwatch.put_metric_alarm(
            AlarmName=name,
            Namespace="shop",
            MetricName="5xx",
            Statistic="Sum",
            Period=60,
            Threshold=50,
            EvaluationPeriods=1,
            ComparisonOperator="GreaterThanThreshold",
            AlarmActions=[topic],
            OKActions=[topic],
        )
        reason = f"It is {'above' if state == 'ALARM' else 'below'} 50"
        cloudwatch.set_alarm_state(AlarmName=name, StateValue=state, StateReason=reason)

    def _deployment(self) -> None:
        started = time.monotonic()
        for status, wanted in (("started", "-1"), ("succeeded", "3")):
            detail = {
                "user_id": token_claims(self.token)["sub"],
                "deployment_id": "1",
                "application": "payments",
                "version": "2.4.1",
                "status": status,
                "changelog": "Pay faster",
            }
            self._put("pipeline", "Deployment", detail)
            self._wait("change_request", "Deploy payments 2.4.1", state=wanted)
            done = "in Implement" if status == "started" else "closed as successful"
            self._print(f"A deployment {status}", f"its change request is {done}", started)

    def _wait(self, table: str, title: str, **values: str) -> list[dict[str, str]]:
        """Return the records with this title once they are as expected."""

        def rows() -> list[dict[str, str]]:
            return [
                row
                for row in self.cloud.simulator.records(table)
                if row["short_description"].startswith(title)
                and all(row[name] == value for name, value in values.items())
            ]

        _until(f"ServiceNow has the {table} {title} {values}", rows)
        return rows()

    def _clean_up(self) -> None:
        for webhook in self.webhooks:
            self._call("Remove a webhook", "DELETE", webhook, 204)
        self._call("Remove the connection", "DELETE", "config", 204)
        secrets = self.cloud.client("secretsmanager").list_secrets()["SecretList"]
        _check(not secrets, "its password is gone from Secrets Manager, too")

    def _call(  # noqa: PLR0917 - a call is these, in this order
        self,
        what: str,
        method: str,
        path: str,
        status: int,
        body: dict[str, Any] | None = None,
        headers: dict[str, str] | None = None,
    ) -> Any:
        started = time.monotonic()
        answer = self.http.request(
            method, f"/api/servicenow/{path}", json=body, headers=headers or {}
        )
        if answer.status_code != status:
            raise DemoError(f"{method} {path} answered {answer.status_code}: {answer.text}")
        document = answer.json() if answer.content else None
        number = document.get("number", "") if isinstance(document, dict) else ""
        shown = re.sub(r"[0-9a-f]{32}", "…", path.partition("?")[0])
        self._print(what, f"{method} /{shown} → {status} {number}", started)
        return document

    def _row(self, table: str, sys_id: str) -> dict[str, str]:
        return self.cloud.simulator.one(table, sys_id=sys_id)

    def _print(self, what: str, how: str, started: float) -> None:
        self.steps += 1
        took = time.monotonic() - started
        self.console.print(
            f"  [bold]{self.steps:2}[/bold]  {what:<36} [dim]{how:<58}[/dim] {took:5.2f} s"
        )


def _policy(statement: dict[str, Any]) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": [statement]}


def _until(what: str, is_so: "Callable[[], object]") -> None:
    ends_at = time.monotonic() + 60
    while not is_so():
        _check(time.monotonic() < ends_at, what)
        time.sleep(0.1)


def _check(is_so: bool, what: str) -> None:  # noqa: FBT001 - reads as a sentence
    if not is_so:
        raise DemoError(f"It is not so: {what}")


def main() -> int:
    """Run the demo; return 0 only if every step succeeded."""
    console = Console(highlight=False, width=120)
    stop_on_signals()
    started = time.monotonic()
    try:
        with console.status("") as status:

            def say(step: str) -> None:
                console.print(f"[dim]{time.monotonic() - started:6.1f} s[/dim]  {step}")
                status.update(f"{step} ...")

            with LocalCloud(say) as cloud:
                status.stop()
                console.print()
                Tour(cloud, console).run()
    except (DemoError, LocalCloudError) as error:
        console.print(f"\n[bold red]The demo failed.[/bold red] {error}", soft_wrap=True)
        return 1
    except KeyboardInterrupt:
        console.print("\nInterrupted; everything is stopped.")
        return 130
    console.print(
        "\n[bold green]Every step succeeded[/bold green], each ticket checked in the simulator. "
        f"{time.monotonic() - started:.0f} s in all; nothing is left running."
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
