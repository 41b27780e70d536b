"""What a recipe makes of a message: its events, each of a thing that it tells of."""

import re
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from actionsync import clock
from actionsync.events.models import Action, IncomingEvent, digest
from actionsync.events.recipes.paths import Scope, as_part, holds, search
from actionsync.events.sources import arns, fields
from actionsync.events.sources.protocol import Context, Reading, Rejected
from actionsync.rules.texts import fill, fill_link

if TYPE_CHECKING:
    from actionsync.events.recipes.models import Form, Recipe
    from actionsync.events.sources.envelopes import Message
    from actionsync.rules.matching import Severity

MOST_ELEMENTS = 1000
_LONGEST_VALUE = 4000
_LONGEST_NAME = 200
_MOST_OF_A_LIST = 20
# A line of a template that says one label alone, and more than one empty line.
_LINE = re.compile(r"(?:^|(?<=\n))[^\n{}]+: \{\{labels\.(\w+)\}\}(?:\n|$|(?=\{\{))")
_GAP = re.compile(r"\n{3,}")
_STATUSES: dict[Action, str] = {"trigger": "open", "resolve": "ended", "annotate": "news"}


def read(
    source: str, recipe: "Recipe", message: "Message", context: Context, *, of: str = ""
) -> Reading:
    """Return what a message says by a recipe.

    Args:
        source: the source's name.
        recipe: the recipe.
        message: the message.
        context: what is known beside.
        of: whose recipe it is, where it is an owner's own: only that owner's events count.
    """
    whole, webhook = message.document, message.webhook
    scope = Scope(whole) if webhook is None else Scope(whole, webhook.headers, webhook.name)
    form = next((form for form in recipe.forms if _fits(form, message, scope)), None)
    if form is None:
        is_known = any(form.is_of_type(message.type) for form in recipe.forms)
        unknown = "" if is_known else f"{message.source}: {message.type}"[:200]
        return Reading(unknown=unknown, is_taken=not of and message.sender != "sns")
    elements = _elements(form, message, whole, scope)
    events: list[IncomingEvent] = []
    rejected: list[Rejected] = []
    is_taken = False
    for place, value in enumerate(elements[:MOST_ELEMENTS]):
        element = _Element(source, recipe, form, message, context, value, scope, place)
        if of and of not in element.owners:
            continue
        is_taken = True
        try:
            events += element.events([of] if of else element.owners)
        except _NoKeyError as error:
            rejected.append(
                Rejected(element.owners[0], recipe.title, str(error), reason_type="NoKey")
            )
    if not elements or (len(elements) > MOST_ELEMENTS):
        reason = f"{form.elements}: {len(elements)} elements"
        rejected.append(
            Rejected(of or context.automation_user, recipe.title, reason, reason_type="Elements")
        )
    return Reading(tuple(events), tuple(rejected), is_taken=is_taken or not of)


def _fits(form: "Form", message: "Message", scope: Scope) -> bool:
    value = scope.whole if message.webhook is None else message.webhook.element
    return form.is_of_type(message.type) and (form.when is None or holds(form.when, value, scope))


def _elements(form: "Form", message: "Message", whole: Any, scope: Scope) -> list[Any]:
    if message.webhook is not None:
        return [message.webhook.element]
    if form.elements is None:
        return [whole]
    found = search(form.elements, whole, scope)
    return found if isinstance(found, list) else [found] if found else []


def _without_empty(template: str, labels: dict[str, str]) -> str:
    """Return a template without the lines that would say nothing but a name."""
    return _LINE.sub(lambda line: line[0] if labels.get(line[1]) else "", template)


class _NoKeyError(Exception):
    """What identifies a thing is missing; the text says what."""


@dataclass
class _Element:
    """One of the things that a message tells of."""

    source: str
    recipe: "Recipe"
    form: "Form"
    message: "Message"
    context: Context
    value: Any
    scope: Scope
    place: int
    assumptions: list[str] = field(default_factory=list)

    @cached_property
    def owners(self) -> tuple[str, ...]:
        """Whose it is, today's owner first, then those whose it was."""
        webhook = self.message.webhook
        if webhook is not None:
            return (webhook.owner,)
        named = self.message.detail.get("user_id")
        if not self.message.is_from_aws and isinstance(named, str) and named:
            return (named[:128],)
        return self.context.owners_of(self.account, self.region, self.name)

    @cached_property
    def account(self) -> str:
        """The account that it is in: its own before that of the envelope."""
        return self._line(self.form.account) or self.message.account

    @cached_property
    def region(self) -> str:
        """The region that it is in."""
        return self._line(self.form.region) or self.message.region

    @cached_property
    def name(self) -> str:
        """What it is about."""
        return self._line(self.form.name) or self.service

    @cached_property
    def service(self) -> str:
        """The service that it is about, or empty."""
        return self._line(self.form.service)

    def key(self, scope: Scope) -> tuple[str, ...]:
        """Return what identifies it.

        Raises:
            _NoKeyError: a part is missing.
        """
        parts = [as_part(search(path, self.value, scope)) for path in self.form.key]
        for path, part in zip(self.form.key, parts, strict=True):
            if part is None:
                raise _NoKeyError(f"{path}: is missing, and identifies the event")
        return tuple(part for part in parts if part)

    def events(self, owners: "list[str] | tuple[str, ...]") -> list[IncomingEvent]:
        """Return what it means for each owner; of those whose it was, only ends and notes.

        Raises:
            _NoKeyError: what identifies it is missing.
        """
        found = []
        for owner in owners:
            is_former = owner != self.owners[0]
            rules = self.context.rules_for(owner)
            scope = Scope(
                self.scope.whole, self.scope.headers, self.scope.webhook,
                frozenset(rules.options_of(self.source)),
            )  # fmt: skip
            action = self._action(scope)
            if action is None or (is_former and action == "trigger"):
                continue
            found.append(self._event(owner, action, self.key(scope)))
        return found

    def _action(self, scope: Scope) -> Action | None:
        """Return what it says: an end first, whatever else is so."""
        conditions: tuple[tuple[Action, str | None], ...] = (
            ("resolve", self.form.end), ("trigger", self.form.trigger),
            ("annotate", self.form.annotate),
        )  # fmt: skip
        return next((action for action, path in conditions if holds(path, self.value, scope)), None)

    def __post_init__(self) -> None:
        """Report what was cut before it was queued."""
        if self.message.webhook is not None and self.message.webhook.is_cut:
            self.assumptions.append("The event was larger than 200 KB: long texts were cut")

    def _event(self, owner: str, action: Action, parts: tuple[str, ...]) -> IncomingEvent:
        form = self.form
        severity = self._severity()
        moment = min(self._moment(), self.context.received_at)
        key = "\n".join(parts)
        labels = {name: text for name, path in form.labels.items() if (text := self._value(path))}
        texts = {
            # Where the sender could have named a service and did not, what it is about is none.
            "service": self.service if form.service else self.name,
            "severity": severity,
            "environment": self._line(form.environment),
            "account": self.account,
            "region": self.region,
            "occurred_at": clock.iso(moment),
            "status": labels.get("status", _STATUSES[action])[:_LONGEST_NAME],
            "source": self.recipe.title,
            "title": "", "message": "", "details": "", "link": "",
        }  # fmt: skip
        shown = {**texts, "console": arns.console(self.region, "").rstrip("/")}
        # Where what follows or precedes a colon is missing, the colon goes, too.
        title = fill(form.title, shown, labels).strip(": \n")
        title = title or f"{self.recipe.title}: {parts[-1]}"
        long = {
            name: _GAP.sub(
                "\n\n", fill(_without_empty(getattr(form, name), labels), shown, labels)
            ).strip()
            for name in ("message", "details")
        }
        attachments = {
            f"{name}.txt": text for name, text in long.items() if len(text) > fields.LONGEST_TEXT
        }
        self.assumptions += [f"{name}: shown without its middle" for name in attachments]
        texts |= {
            "title": fields.cut(" ".join(title.split()), 200),
            "link": fill_link(form.link, shown, labels)[:2000],
            **{name: fields.cut(text) for name, text in long.items()},
        }
        filled = {
            name: fill(text, {**shown, **texts}, labels) if isinstance(text, str) else text
            for name, text in form.columns.items()
        }
        return IncomingEvent(
            id=digest(owner, self.source, self.message.id, key, str(self.place)),
            owner=owner,
            source=self.source,
            kind="incident",
            key=key,
            action=action,
            moment=moment,
            received_at=self.context.received_at,
            severity=severity,
            is_heartbeat=form.repeat == "heartbeat",
            news=(self._line(form.news) if action == "trigger" else ""),
            is_final=action == "resolve" and holds(form.final, self.value, self.scope),
            takes_back=action == "annotate" and holds(form.takes_back, self.value, self.scope),
            silent_hours=form.silent_hours,
            name=self.name or texts["title"],
            service=self.service,
            environment=texts["environment"],
            account=self.account,
            region=self.region,
            labels=labels,
            texts=texts,
            columns={name: value for name, value in filled.items() if value},
            assumptions=tuple(dict.fromkeys(self.assumptions)),
            attachments=attachments,
            document=self.value,
        )

    def _severity(self) -> "Severity":
        if self.form.severity is None:
            return "high"
        found = search(self.form.severity, self.value, self.scope)
        word = as_part(found)
        if word is None:
            self.assumptions.append("severity: is missing and counts as high")
            return "high"
        own = {name.casefold(): severity for name, severity in self.form.severities.items()}
        known = own.get(word.casefold()) or fields.severity_of(word)
        if known is None:
            self.assumptions.append(
                f"severity: {fields.cut(word, 50)!r} is not known and counts as high"
            )
        return known or "high"

    def _moment(self) -> Any:
        given = None
        if self.form.moment is not None:
            given = as_part(search(self.form.moment, self.value, self.scope))
        found = fields.moment(given) if given else None
        if given and found is None:
            self.assumptions.append("moment: is no moment; the time of the event counts")
        return found or self.message.time

    def _value(self, path: str) -> str:
        """Return what a path leads to as text: of a list, its plain values."""
        found = search(path, self.value, self.scope)
        if isinstance(found, list):
            plain = [text for text in map(as_part, found[:_MOST_OF_A_LIST]) if text]
            found = ", ".join(plain)
        if found in (None, False) or isinstance(found, dict):
            return ""
        return fields.cut(fields.as_text(found).strip(), _LONGEST_VALUE)

    def _line(self, path: str | None) -> str:
        """Return what a path leads to as a short text in one line."""
        if path is None:
            return ""
        return fields.cut(" ".join(self._value(path).split()), _LONGEST_NAME)
