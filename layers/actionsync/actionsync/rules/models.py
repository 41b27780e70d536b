"""The rules a user may set. Every field has a default that is good enough to run on."""

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    Discriminator,
    Field,
    Tag,
    ValidationError,
    model_validator,
)
from pydantic_core import PydanticCustomError

from actionsync.connections.models import ConnectionName
from actionsync.errors import FieldError, InvalidInputError
from actionsync.rules.ends import End
from actionsync.rules.groups import GroupBy
from actionsync.rules.holds import During, Hold
from actionsync.rules.matching import (
    SEVERITIES,
    Match,
    Matchable,
    Pattern,
    Patterns,
    Severity,
    SourceName,
    refused_name,
)
from actionsync.rules.patterns import fits
from actionsync.rules.sections import OCCURRENCES, OWN, SENT_ONCE, SOURCES, STRICT
from actionsync.rules.texts import checked
from actionsync.tickets.models import Fields, Level, Name, Risk

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pydantic import ModelWrapValidatorHandler
    from pydantic_core import InitErrorDetails

MOST_RULES = 200
LONGEST_DOCUMENT = 64 * 1024


# Columns that the integration itself answers for; a rule must not set them.
_OWN_COLUMNS = frozenset(
    {"correlation_id", "state", "incident_state", "short_description", "description", "work_notes",
     "close_code", "close_notes"}
)  # fmt: skip


def _checked_columns(columns: dict[str, Any]) -> dict[str, Any]:
    for value in columns.values():
        if isinstance(value, str) and "{{" in value:
            checked(value)
    if taken := sorted(_OWN_COLUMNS & set(columns)):
        raise ValueError(f"must not set {', '.join(taken)}, which the event decides")
    return columns


def _no_blank_ends(name: str) -> str:
    if name != name.strip():
        raise ValueError("must not begin or end with a blank")
    return name


Columns = Annotated[Fields, AfterValidator(_checked_columns)]
Template = Annotated[str, Field(min_length=1, max_length=4000), AfterValidator(checked)]
Cap = Annotated[int, Field(ge=1, le=1000)]
Hours = Annotated[int, Field(ge=0, le=24 * 90)]
Minutes = Annotated[int, Field(ge=1, le=24 * 60)]


_DETAILS = """\
{{#message}}{{message}}

{{/message}}{{#service}}Service: {{service}}{{#environment}} ({{environment}}){{/environment}}
{{/service}}{{^service}}{{#environment}}Environment: {{environment}}
{{/environment}}{{/service}}{{#account}}Account: {{account}}{{#region}}, {{region}}{{/region}}
{{/account}}Severity: {{severity}}
First seen: {{occurred_at}}
{{#link}}{{link}}
{{/link}}{{#details}}
{{details}}
{{/details}}{{#previous}}
It happened before: {{previous}}.
{{/previous}}"""


class Section(BaseModel):
    """A part of the rules' document."""

    model_config = STRICT


class Levels(Section):
    """What a severity means in ServiceNow; the two make the priority there."""

    urgency: Level
    impact: Level


# What an incident or an action item becomes: a ticket of a table, an event of Event Management, or
# a row of a staging table, where a company forbids direct writes.
_TARGET = re.compile(r"incident|sn_si_incident|em_event|import_set:[a-z][a-z0-9_]{1,79}")


def _checked_target(name: str) -> str:
    if not _TARGET.fullmatch(name):
        raise ValueError("must be incident, sn_si_incident, em_event or import_set:<staging table>")
    return name


def _checked_ticket(name: str) -> str:
    return name if name == "change_request" else _checked_target(name)


IncidentTarget = Annotated[str, AfterValidator(_checked_target)]
AnyTarget = Annotated[str, AfterValidator(_checked_ticket)]


class Recurrence(Section):
    """What follows when a cause comes back.

    While its ticket is open: a work note with the count, at most one in `note_every_minutes`. Once
    it is resolved: the ticket is reopened within `reopen_within_hours`, else a new one is made, as
    always once it is closed or canceled.
    """

    note_every_minutes: Minutes = 15
    reopen_within_hours: Hours = 72


class TicketRule(Section):
    """What every fallback has."""

    enabled: bool = True
    assignment_group: Name | None = None
    category: Name | None = None
    # The name of the connection to ServiceNow; None: `default`.
    connection: ConnectionName | None = None
    fields: Columns = {}
    # Columns that a resolution, a closing or a reopening sets besides its own.
    closing_fields: Columns = {}
    reopening_fields: Columns = {}
    # Whether people's comments and work notes on its tickets come out as events.
    send_comments: bool = False

    def columns(self) -> dict[str, Any]:
        """Return the columns that the rule sets the same for every ticket."""
        named = {"assignment_group": self.assignment_group, "category": self.category}
        return {**self.fields, **{name: value for name, value in named.items() if value}}


class IncidentRule(TicketRule):
    """Which causes become incidents, and how they read."""

    ticket: IncidentTarget = "incident"
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
    end: End = End()
    hold: Hold | None = None
    during_change: During | None = None
    group_by: GroupBy | None = None
    # How many tickets it opens in an hour; what comes beyond is one ticket.
    cap: Cap = 100
    # None: the instance's own code for a solution.
    close_code: Name | None = None
    # As a file, as it came: some hold payloads and environment values.
    attach_event: bool = False

    def refusal(self, event: Matchable) -> str | None:
        """Return why an event gets no ticket by this rule alone, or None where it gets one."""
        if not self.enabled:
            return "enabled is false"
        if event.severity not in self.severities:
            return f"severities: {event.severity} is none of {', '.join(self.severities)}"
        return refused_name(event.name, self.include, self.exclude)


class AlarmRule(IncidentRule):
    """CloudWatch alarms, by name; they have no severity of their own."""

    severities: list[Severity] = list(SEVERITIES)
    severity: Severity = "high"
    # Target tracking and Elastic Beanstalk make alarms of their own, which go off by design.
    exclude: Patterns = ["TargetTracking-*", "awseb-*-AWSEBCloudwatchAlarm*"]
    severity_by_name: Annotated[dict[Pattern, Severity], Field(max_length=50)] = {
        "*critical*": "critical"
    }

    def severity_of(self, name: str) -> Severity:
        """Return an alarm's severity: the first pattern that fits its name decides."""
        for pattern, severity in self.severity_by_name.items():
            if fits(name, pattern):
                return severity
        return self.severity


class SourceRule(IncidentRule):
    """What a recipe's source becomes; that it is there switches a built-in one on."""

    severities: list[Severity] = ["critical", "high", "medium"]
    # What the recipe leaves open: docs/sources.md has each one's options.
    options: Annotated[list[Annotated[str, Field(max_length=100)]], Field(max_length=20)] = []


class CloseCodes(Section):
    """The codes with which a change is closed, by how its deployment ended."""

    succeeded: Name = "successful"
    failed: Name = "unsuccessful"
    stopped: Name = "unsuccessful"


class GateRule(Section):
    """How deployments wait for their change.

    `required` says that a deployment always waits: its start alone opens no change. Without planned
    dates a scheduled change may begin at once (`go`), or not before it has them (`wait`); conflicts
    in its schedule are reported, or waited for. A change that was there before is left as it is,
    unless `existing` says otherwise. `go_states` and `no_states` name states of the company's own
    change models that say yes and no, by code or label.
    """

    required: bool = False
    without_dates: Literal["go", "wait"] = "go"
    conflicts: Literal["report", "wait"] = "report"
    existing: Literal["leave", "move"] = "leave"
    go_states: Annotated[list[Name], Field(max_length=20)] = []
    no_states: Annotated[list[Name], Field(max_length=20)] = []
    # How long a deployment waits whose platform sets no end.
    longest_hours: Annotated[int, Field(ge=1, le=24 * 365)] = 24 * 7


class DeploymentRule(TicketRule):
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
        "{{#environment}}To: {{environment}}\n{{/environment}}"
        "{{#account}}Account: {{account}}{{#region}}, {{region}}{{/region}}\n{{/account}}"
        "{{#owner}}By: {{owner}}\n{{/owner}}{{#commit}}Commit: {{commit}}\n{{/commit}}"
        "Started: {{occurred_at}}\n{{#link}}{{link}}\n{{/link}}"
    )
    outcome_note: Template = (
        "Deployment {{status}} at {{occurred_at}}.{{#message}} {{message}}{{/message}}"
        "{{#changelog}}\n\n{{changelog}}{{/changelog}}{{#link}}\n{{link}}{{/link}}"
    )
    close_codes: CloseCodes = CloseCodes()
    incident_on_failure: bool = False
    incident_levels: Levels = Levels(urgency="2", impact="2")
    gate: GateRule = GateRule()

    @model_validator(mode="after")
    def _standard_has_template(self) -> "DeploymentRule":
        if (self.change_type == "standard") != (self.template is not None):
            raise ValueError("template goes with a standard change, and only with one")
        return self

    def refusal(self, event: Matchable) -> str | None:
        """Return why an event gets no ticket by this rule alone, or None where it gets one."""
        if not self.enabled:
            return "enabled is false"
        return refused_name(event.name, self.include, self.exclude)


class MeetingRule(TicketRule):
    """Action items become incidents."""

    ticket: IncidentTarget = "incident"
    only_required: bool = True
    levels: dict[Severity, Levels] = IncidentRule.model_fields["levels"].default
    short_description: Template = "{{title}}"
    description: Template = (
        "{{#message}}{{message}}\n\n{{/message}}From the meeting: {{source}}, {{occurred_at}}\n"
        "{{#assignee}}For: {{assignee}}\n{{/assignee}}{{#link}}{{link}}\n{{/link}}"
    )

    def refusal(self, event: Matchable) -> str | None:
        """Return why an item gets no ticket by this rule alone, or None where it gets one."""
        if not self.enabled:
            return "enabled is false"
        if self.only_required and event.labels.get("required") != "true":
            return "only_required: the item requires no incident"
        return None


AnyRule = IncidentRule | AlarmRule | DeploymentRule | MeetingRule
# The assignment group that the CI of a ticket names.
SUPPORT_GROUP = "support_group_of_ci"


class Then(Section):
    """What becomes of an event; what is left out here is as its source's fallback says.

    `ticket` says what the event becomes: `incident`, `sn_si_incident`, `em_event` or
    `import_set:<staging table>`; what becomes a change is always a `change_request`, to which
    that word narrows a rule. Texts of `columns` may be templates ({{labels.env}}); one that is
    empty for an event leaves its column out.
    """

    ticket: AnyTarget | None = None
    assignment_group: Name | None = None
    category: Name | None = None
    cmdb_ci: Name | None = None
    business_service: Name | None = None
    urgency: Level | None = None
    impact: Level | None = None
    columns: Columns = {}
    close_code: Name | None = None
    close_codes: CloseCodes | None = None
    closing_columns: Columns = {}
    reopening_columns: Columns = {}
    send_comments: bool | None = None
    recurrence: Recurrence | None = None
    end: End | None = None
    connection: ConnectionName | None = None
    hold: Hold | None = None
    during_change: During | None = None
    group_by: GroupBy | None = None
    attach_event: bool | None = None
    gate: GateRule | None = None
    cap: Cap | None = None

    def over(self, fallback: AnyRule) -> AnyRule:
        """Return the fallback with what is said here in its place."""
        names = (
            "ticket", "assignment_group", "category", "connection", "hold", "during_change",
            "group_by", "cap", "close_code", "close_codes", "send_comments", "gate", "attach_event",
        )  # fmt: skip
        changes: dict[str, Any] = {
            name: value
            for name in names
            if (value := getattr(self, name)) is not None and hasattr(fallback, name)
        }
        if isinstance(fallback, IncidentRule):
            if self.recurrence is not None:
                said = self.recurrence.model_dump(exclude_unset=True)
                changes["recurrence"] = fallback.recurrence.model_copy(update=said)
            if self.end is not None:
                changes["end"] = self.end.over(fallback.end)
        references = {"cmdb_ci": self.cmdb_ci, "business_service": self.business_service}
        named = {name: value for name, value in references.items() if value is not None}
        changes["fields"] = {**fallback.fields, **named, **self.columns}
        changes["closing_fields"] = {**fallback.closing_fields, **self.closing_columns}
        changes["reopening_fields"] = {**fallback.reopening_fields, **self.reopening_columns}
        if isinstance(fallback, DeploymentRule):
            changes["impact"] = self.impact or fallback.impact
            if self.urgency is not None:
                changes["fields"]["urgency"] = self.urgency
        else:
            default = Levels(urgency="2", impact="2")
            known = {severity: fallback.levels.get(severity, default) for severity in SEVERITIES}
            changes["levels"] = {
                severity: Levels(
                    urgency=self.urgency or level.urgency, impact=self.impact or level.impact
                )
                for severity, level in known.items()
            }
        return fallback.model_copy(update=changes)


class Rule(Section):
    """One of the ordered list: which events it is for, and what becomes of them."""

    name: Annotated[str, Field(min_length=1, max_length=100), AfterValidator(_no_blank_ends)]
    match: Match = Match()
    then: Annotated[
        Annotated[Literal["ignore"], Tag("[ignore]")] | Annotated[Then, Tag("[then]")],
        Discriminator(lambda value: "[ignore]" if isinstance(value, str) else "[then]"),
    ]

    @model_validator(mode="wrap")
    @classmethod
    def _name_in_errors(cls, value: Any, check: "ModelWrapValidatorHandler[Rule]") -> "Rule":
        """Say in each error which rule it is about: places in a list say little to a person."""
        try:
            rule = check(value)
        except ValidationError as error:
            name = value.get("name") if isinstance(value, dict) else None
            if not isinstance(name, str) or not name:
                raise
            details = error.errors(include_url=False, include_context=False, include_input=False)
            raise ValidationError.from_exception_data(
                "Rule", [_about(name, detail["loc"], detail["msg"]) for detail in details]
            ) from None
        if problem := _problem_of(rule):
            raise ValidationError.from_exception_data("Rule", [_about(rule.name, *problem)])
        return rule

    def refusal(self, event: Matchable) -> str | None:
        """Return the first condition that an event does not meet, with its value, or None."""
        wanted = None if self.then == "ignore" else self.then.ticket
        if wanted is not None and (wanted == "change_request") != (event.kind == "change"):
            table = "change_request" if event.kind == "change" else "incident"
            return f"ticket: a {event.kind} becomes a record of {table}"
        return self.match.refusal(event)

    def over(self, fallback: AnyRule) -> AnyRule | None:
        """Return what it makes of an event, or None where it is ignored."""
        return None if self.then == "ignore" else self.then.over(fallback)


def _problem_of(rule: Rule) -> tuple[tuple[str, ...], str] | None:
    """Return the field of what cannot work, and why; None where all can."""
    problems = () if rule.then == "ignore" else _problems(rule.match, rule.then)
    return next(iter(problems), None)


def _problems(match: Match, then: Then) -> "Iterator[tuple[tuple[str, ...], str]]":
    kinds = match.kind or ["incident", "change", "action_item"]
    sources = match.source or []
    wants_change = then.ticket == "change_request"
    if then.ticket is not None and all(wants_change != (kind == "change") for kind in kinds):
        yield ("then", "ticket"), f"no event of kind {', '.join(kinds)} becomes that"
    if then.group_by is not None and re.match("em_event|import_set", then.ticket or ""):
        yield ("then", "group_by"), f"needs tickets that can be read: {then.ticket} shows none"
    for name in ("end", "hold", "during_change", "group_by", "cap"):
        if getattr(then, name) is not None and (wants_change or "incident" not in kinds):
            yield ("then", name), "is for incidents alone"
    if then.hold is not None and then.hold.count and then.group_by is None:
        counted = all(name in OCCURRENCES or OWN.fullmatch(name) for name in sources)
        if not sources or not counted:
            known = ", ".join(sorted(OCCURRENCES))
            said = f"needs group_by, or match.source with sources that count their repeats: {known}"
            yield ("then", "hold", "count"), said
    if then.end is not None and then.end.silent:
        once = ", ".join(sorted(SENT_ONCE.intersection(sources)))
        if once or not sources:
            named = once or "a rule without match.source"
            said = f"needs sources that send again what goes on: {named} may not"
            yield ("then", "end", "silent"), said


def _about(name: str, place: tuple[int | str, ...], reason: str) -> "InitErrorDetails":
    text = f"rule {name[:100]!r}: {reason.removeprefix('Value error, ')}"
    return {
        "type": PydanticCustomError("rule", "{text}", {"text": text}),
        "loc": tuple(part for part in place if part not in {"[then]", "[ignore]"}),
        "input": None,
    }


@dataclass(frozen=True, slots=True)
class MatchedRule:
    """The rule that decides about an event.

    Attributes:
        name: its name; of a fallback, its section's.
        then: what becomes of the event, or None where it makes no ticket.
        reason: why it makes no ticket, or empty.
        passed: the rules before it, each with the first condition that did not hold.
        is_fallback: whether it is its source's fallback.
    """

    name: str
    then: AnyRule | None
    reason: str = ""
    passed: tuple[tuple[str, str], ...] = ()
    is_fallback: bool = False


GithubEvent = Literal[
    "workflow_run", "check_run", "deployment", "deployment_status", "release", "issues",
    "dependabot_alert", "code_scanning_alert", "secret_scanning_alert",
]  # fmt: skip


# What holds no deployment of one's own: pages, and previews as Vercel and others name them.
_PASSING_ENVIRONMENTS = ("github-pages", "preview", "preview *", "preview-*", "preview/*")


class GithubRule(Section):
    """Which of GitHub's events count."""

    events: list[GithubEvent] = [
        "workflow_run", "deployment", "deployment_status", "issues",
        "dependabot_alert", "code_scanning_alert", "secret_scanning_alert",
    ]  # fmt: skip
    branches: Patterns = ["main", "master", "release/*"]
    issue_labels: Annotated[list[Pattern], Field(max_length=50)] = ["incident"]
    # Empty: every environment but transient ones and GitHub's own for pages and previews.
    environments: Patterns = []
    workflow_severity: Severity = "high"

    def refusal(self, labels: dict[str, str], environment: str = "") -> str | None:
        """Return why an event of GitHub's does not count, or None where it does."""
        if labels.get("event") not in self.events:
            return f"github.events: {labels.get('event')} is not among them"
        if "branch" in labels:
            return refused_name(labels["branch"], self.branches, what="github.branches")
        if "label" in labels:
            return refused_name(labels["label"], self.issue_labels, what="github.issue_labels")
        if self.environments:
            return refused_name(environment, self.environments, what="github.environments")
        if labels.get("transient") == "true":
            return "github.environments: none is named, and a transient one is no change"
        return refused_name(environment, ["*"], _PASSING_ENVIRONMENTS, what="github.environments")

    def wants_label(self, label: str) -> bool:
        """Return whether an issue's label marks it."""
        return any(fits(label, pattern) for pattern in self.issue_labels)


class Rules(Section):
    """A user's rules: an ordered list, of which the first that matches decides, and a fallback.

    The fallback is a rule for each source: `errors` for applications and GitHub's failures and
    alerts, `alarms`, `deployments` for whatever becomes a change, `meetings`. `github` says which
    of GitHub's events count at all. `recent_events` says whether the newest events are stored for
    seven days, as they came, to be looked at and sent again. `sources` has the
    fallbacks of recipes' sources, by name.
    """

    rules: Annotated[list[Rule], Field(max_length=MOST_RULES)] = []
    errors: IncidentRule = IncidentRule()
    alarms: AlarmRule = AlarmRule()
    deployments: DeploymentRule = DeploymentRule()
    meetings: MeetingRule = MeetingRule()
    github: GithubRule = GithubRule()
    recent_events: bool = True
    sources: Annotated[dict[SourceName, SourceRule], Field(max_length=100)] = {}

    @model_validator(mode="after")
    def _names_are_unique(self) -> "Rules":
        names = [rule.name for rule in self.rules]
        if doubled := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"the names of rules must be unique: {', '.join(doubled)}")
        return self

    @model_validator(mode="after")
    def _silence_says_something(self) -> "Rules":
        silent = [name for name, rule in self.sources.items() if rule.end.silent]
        once = [f"sources.{name}" for name in silent if name in SENT_ONCE]
        if self.alarms.end.silent:
            once.append("alarms")
        if once:
            raise ValueError(f"{', '.join(once)}: end.silent, where a thing is sent once only")
        return self

    def fallback_of(self, event: Matchable) -> tuple[str, AnyRule]:
        """Return the fallback of an event's source, with its name."""
        if event.kind == "action_item":
            return "meetings", self.meetings
        if event.kind == "change":
            return "deployments", self.deployments
        if event.source not in SOURCES:
            return f"sources.{event.source}", self.sources.get(event.source, SourceRule())
        return ("alarms", self.alarms) if event.source == "cloudwatch" else ("errors", self.errors)

    def are_on_for(self, source: str) -> bool:
        """Return whether they switch a built-in recipe on: by a fallback, or a rule's match."""
        return source in self.sources or any(
            source in (rule.match.source or ()) for rule in self.rules
        )

    def options_of(self, source: str) -> list[str]:
        """Return what they switch on of what a recipe leaves open."""
        rule = self.sources.get(source)
        return [] if rule is None else rule.options

    @property
    def ask_for_changes(self) -> bool:
        """Whether any of them asks for the changes that are under way."""
        fallbacks = (self.errors, self.alarms, *self.sources.values())
        return any(one.during_change is not None for one in fallbacks) or any(
            rule.then != "ignore" and rule.then.during_change is not None for rule in self.rules
        )

    def named(self, name: str, event: Matchable) -> AnyRule:
        """Return what a rule makes of an event, by its name; the fallback's where it is gone."""
        _, fallback = self.fallback_of(event)
        for rule in self.rules:
            if rule.name == name:
                return rule.over(fallback) or fallback
        return fallback

    def rule_for(self, event: Matchable) -> MatchedRule:
        """Return the rule that decides about an event, and why those before it did not."""
        name, fallback = self.fallback_of(event)
        if event.source == "github" and (
            reason := self.github.refusal(event.labels, event.environment)
        ):
            return MatchedRule("github", None, reason)
        passed: list[tuple[str, str]] = []
        for rule in self.rules:
            reason = rule.refusal(event)
            if reason is None:
                then = rule.over(fallback)
                return MatchedRule(rule.name, then, "ignore" * (then is None), tuple(passed))
            passed.append((rule.name, reason))
        reason = fallback.refusal(event)
        then = fallback if reason is None else None
        return MatchedRule(name, then, reason or "", tuple(passed), is_fallback=True)


class RulesPreview(Section):
    """An example event, with rules to try on it (the stored ones where left out).

    `event` is what EventBridge or SNS delivers: the files under `events/on_*` have examples.
    """

    kind: Literal["error", "alarm", "deployment", "meeting"] = "error"
    event: dict[str, Any]
    rules: Rules | None = None


def document(rules: Rules) -> str:
    """Return rules as they are stored: what was said, without the defaults.

    Null is what is left out: rules that were read whole are stored as short as before.

    Raises:
        InvalidInputError: they are too long.
    """
    text = rules.model_dump_json(exclude_unset=True, exclude_none=True)
    if len(text.encode()) > LONGEST_DOCUMENT:
        raise InvalidInputError(FieldError("body", f"must have at most {LONGEST_DOCUMENT} bytes"))
    return text
