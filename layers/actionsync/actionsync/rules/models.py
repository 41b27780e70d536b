"""The rules a user may set. Every field has a default that is good enough to run on."""

from fnmatch import fnmatchcase
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from actionsync.rules.texts import checked
from actionsync.tickets.models import Fields, Level, Name, Risk

Severity = Literal["critical", "high", "medium", "low", "info"]
SEVERITIES: tuple[Severity, ...] = ("critical", "high", "medium", "low", "info")

Template = Annotated[str, Field(min_length=1, max_length=4000), AfterValidator(checked)]
# A name with * and ? as a shell has them.
Pattern = Annotated[str, Field(min_length=1, max_length=200)]
Patterns = Annotated[list[Pattern], Field(max_length=50)]
Hours = Annotated[int, Field(ge=0, le=24 * 90)]
Minutes = Annotated[int, Field(ge=1, le=24 * 60)]

# Columns that the integration itself answers for; a rule must not set them.
_OWN_COLUMNS = frozenset(
    {"correlation_id", "state", "incident_state", "short_description", "description", "work_notes",
     "close_code", "close_notes"}
)  # fmt: skip

_DETAILS = """\
{{message}}

Service: {{service}}{{#environment}} ({{environment}}){{/environment}}
Severity: {{severity}}
First seen: {{occurred_at}}
{{#link}}{{link}}
{{/link}}{{#details}}
{{details}}
{{/details}}{{#previous}}
It happened before: {{previous}}.
{{/previous}}"""


class _Rule(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class Levels(_Rule):
    """What a severity means in ServiceNow; the two make the priority there."""

    urgency: Level
    impact: Level


class Recurrence(_Rule):
    """What follows when a cause comes back.

    While its ticket is open: a work note with the count, at most one in `note_every_minutes`. Once
    it is resolved: the ticket is reopened within `reopen_within_hours`, else a new one is made, as
    always once it is closed or canceled.
    """

    note_every_minutes: Minutes = 15
    reopen_within_hours: Hours = 72


class _TicketRule(_Rule):
    enabled: bool = True
    assignment_group: Name | None = None
    category: Name | None = None
    fields: Fields = {}

    @model_validator(mode="after")
    def _owns_its_columns(self) -> "_TicketRule":
        if taken := sorted(_OWN_COLUMNS & set(self.fields)):
            raise ValueError(f"fields must not set {', '.join(taken)}, which the event decides")
        return self

    def columns(self) -> dict[str, Any]:
        """Return the columns that the rule sets the same for every ticket."""
        named = {"assignment_group": self.assignment_group, "category": self.category}
        return {**self.fields, **{name: value for name, value in named.items() if value}}


class IncidentRule(_TicketRule):
    """Which causes become incidents, and how they read."""

    severities: list[Severity] = ["critical", "high"]
    include: Patterns = ["*"]
    exclude: Patterns = []
    levels: dict[Severity, Levels] = {
        "critical": Levels(urgency="1", impact="1"),
        "high": Levels(urgency="2", impact="1"),
        "medium": Levels(urgency="2", impact="2"),
        "low": Levels(urgency="3", impact="2"),
        "info": Levels(urgency="3", impact="3"),
    }
    short_description: Template = "{{title}}"
    description: Template = _DETAILS
    recurrence_note: Template = (
        "It happened again: {{count}} times since the last note. {{message}}"
    )
    recovery_note: Template = "Recovered at {{occurred_at}}. {{message}}"
    recurrence: Recurrence = Recurrence()
    # untouched: resolve it unless a person has assigned it, moved it on or changed its group.
    recovery: Literal["untouched", "resolve", "note", "nothing"] = "untouched"
    # None: the instance's own code for a solution.
    close_code: Name | None = None

    def wants(self, name: str, severity: Severity) -> bool:
        """Tell whether a cause of this name and severity gets a ticket."""
        return (
            self.enabled
            and severity in self.severities
            and any(fnmatchcase(name, pattern) for pattern in self.include)
            and not any(fnmatchcase(name, pattern) for pattern in self.exclude)
        )


class AlarmRule(IncidentRule):
    """CloudWatch alarms, by name; they have no severity of their own."""

    severities: list[Severity] = list(SEVERITIES)
    severity: Severity = "high"
    severity_by_name: Annotated[dict[Pattern, Severity], Field(max_length=50)] = {
        "*critical*": "critical"
    }

    def severity_of(self, name: str) -> Severity:
        """Return an alarm's severity: the first pattern that fits its name decides."""
        for pattern, severity in self.severity_by_name.items():
            if fnmatchcase(name.lower(), pattern.lower()):
                return severity
        return self.severity


class DeploymentRule(_TicketRule):
    """Deployments become change requests."""

    include: Patterns = ["*"]
    exclude: Patterns = []
    change_type: Literal["normal", "standard", "emergency"] = "normal"
    template: Name | None = None
    risk: Risk = "moderate"
    impact: Level = "3"
    short_description: Template = "Deploy {{service}}{{#version}} {{version}}{{/version}}"
    description: Template = (
        "{{#message}}{{message}}\n\n{{/message}}"
        "To: {{environment}}\nBy: {{owner}}\nStarted: {{occurred_at}}\n{{link}}\n"
    )
    outcome_note: Template = (
        "Deployment {{status}} at {{occurred_at}}.{{#message}} {{message}}{{/message}}"
        "{{#changelog}}\n\n{{changelog}}{{/changelog}}{{#link}}\n{{link}}{{/link}}"
    )
    incident_on_failure: bool = False
    incident_levels: Levels = Levels(urgency="2", impact="2")

    @model_validator(mode="after")
    def _standard_has_template(self) -> "DeploymentRule":
        if (self.change_type == "standard") != (self.template is not None):
            raise ValueError("template goes with a standard change, and only with one")
        return self

    def wants(self, name: str) -> bool:
        """Tell whether a deployment of this name gets a change request."""
        return (
            self.enabled
            and any(fnmatchcase(name, pattern) for pattern in self.include)
            and not any(fnmatchcase(name, pattern) for pattern in self.exclude)
        )


class MeetingRule(_TicketRule):
    """Action items become incidents."""

    only_required: bool = True
    levels: dict[Severity, Levels] = IncidentRule.model_fields["levels"].default
    short_description: Template = "{{title}}"
    description: Template = (
        "{{message}}\n\nFrom the meeting: {{source}}, {{occurred_at}}\n"
        "{{#assignee}}For: {{assignee}}\n{{/assignee}}{{#link}}{{link}}\n{{/link}}"
    )


GithubEvent = Literal[
    "workflow_run", "check_run", "deployment", "deployment_status", "release", "issues",
    "dependabot_alert", "code_scanning_alert", "secret_scanning_alert",
]  # fmt: skip


class GithubRule(_Rule):
    """Which of GitHub's events count."""

    events: list[GithubEvent] = [
        "workflow_run", "deployment", "deployment_status", "issues",
        "dependabot_alert", "code_scanning_alert", "secret_scanning_alert",
    ]  # fmt: skip
    branches: Patterns = ["main", "master", "release/*"]
    issue_labels: Annotated[list[Pattern], Field(max_length=50)] = ["incident"]
    workflow_severity: Severity = "high"


class Rules(_Rule):
    """A user's rules."""

    errors: IncidentRule = IncidentRule()
    alarms: AlarmRule = AlarmRule()
    deployments: DeploymentRule = DeploymentRule()
    meetings: MeetingRule = MeetingRule()
    github: GithubRule = GithubRule()


class RulesPreview(_Rule):
    """An example event, with rules to try on it (the stored ones where left out).

    `event` is what EventBridge or SNS delivers: the files under `events/on_*` have examples.
    """

    kind: Literal["error", "alarm", "deployment", "meeting"]
    event: dict[str, Any]
    rules: Rules | None = None
