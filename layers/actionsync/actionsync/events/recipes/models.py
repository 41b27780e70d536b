"""What a recipe says. Built-in ones are TOML files beside the sources, owners' own are JSON."""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from actionsync.events.recipes import paths
from actionsync.events.sources.protocol import Identity
from actionsync.rules.matching import Pattern, Severity
from actionsync.rules.models import Columns
from actionsync.rules.patterns import fits
from actionsync.rules.texts import NAMES, checked

LONGEST_RECIPE = 16 * 1024
MOST_RECIPES = 100
# What a recipe's texts may name beside what every text may: the console of the event's region.
TEXT_NAMES = NAMES | {"console"}

Path = Annotated[str, Field(min_length=1, max_length=paths.LONGEST_PATH), paths.Path]
Template = Annotated[
    str, Field(max_length=4000), AfterValidator(lambda text: checked(text, TEXT_NAMES))
]
Word = Annotated[str, Field(min_length=1, max_length=100)]


def _named(parts: list[str]) -> list[str]:
    if not any(map(paths.names_a_field, parts)):
        raise ValueError("one part must lead into the event")
    return parts


Key = Annotated[list[Path], Field(min_length=1, max_length=8), AfterValidator(_named)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class Identified(_Part):
    """What docs/sources.md says of a built-in recipe's thing."""

    what: Annotated[str, Field(max_length=200)]
    key: Annotated[str, Field(max_length=300)]
    end: Annotated[str, Field(max_length=300)]
    order: Annotated[str, Field(max_length=300)]


class Form(_Part):
    """One form of a source's events, and what it means.

    `end` is asked first, whatever the severity; an event that is neither end nor trigger nor
    annotation says nothing. Conditions are paths: false, null and whatever is empty do not hold.

    Attributes:
        types: detail-types, with * and ?; of a webhook, none.
        when: a further condition, on the whole event.
        elements: the list of things, where an event reports several; the other paths then begin
            at an element, and `whole()` is the event.
        trigger: when something begins or goes on.
        end: when it is over.
        annotate: when it is worth a note.
        final: of an end, when further triggers open nothing: a person has put the thing aside.
        takes_back: of an annotation, when it takes a final end back.
        news: what makes a repeat news: another value than before is noted once.
        key: what identifies the thing; each part has to be there.
        severity: how bad it is, in words or numbers that other tools use, or in `severities`.
        severities: what the words of this source mean.
        moment: when it was so; by default the envelope's time.
        labels: further values, which rules and texts may name.
        columns: columns of the ticket; one that is empty is left out.
        repeat: whether a repeat is another occurrence or says only that it is still so.
        silent_hours: after how many hours without a sign of life it counts as over; 0 for never.
        identified: what the documentation says of it.
    """

    types: Annotated[list[Pattern], Field(min_length=1, max_length=50)] = ["*"]
    when: Path | None = None
    elements: Path | None = None
    trigger: Path | None = None
    end: Path | None = None
    annotate: Path | None = None
    final: Path | None = None
    takes_back: Path | None = None
    news: Path | None = None
    key: Key
    severity: Path | None = None
    severities: Annotated[dict[Word, Severity], Field(max_length=50)] = {}
    moment: Path | None = None
    name: Path | None = None
    service: Path | None = None
    environment: Path | None = None
    account: Path | None = None
    region: Path | None = None
    labels: Annotated[
        dict[Annotated[str, Field(pattern=r"^[A-Za-z_]\w{0,99}$")], Path], Field(max_length=30)
    ] = {}
    title: Template = ""
    message: Template = ""
    details: Template = ""
    link: Template = ""
    columns: Columns = {}
    repeat: Literal["occurrence", "heartbeat"] = "heartbeat"
    silent_hours: Annotated[int, Field(ge=0, le=24 * 30)] = 0
    identified: Identified | None = None

    def is_of_type(self, detail_type: str) -> bool:
        """Return whether it is the form of events of this detail-type."""
        return any(fits(detail_type, pattern) for pattern in self.types)


class Recipe(_Part):
    """A source of events, as data.

    Attributes:
        title: the sender's name, for people.
        sources: EventBridge's sources, `sns` for notifications, `webhook:<name>` for a webhook;
            none in a built-in one for webhooks.
        ends: how what it reports ends: by an event of its own, by a later success of the same
            thing, after a quiet time, or never.
        options: what the rules may switch on for the source, each with what it does.
        overlaps: the sources that report the same things.
        webhook: of a webhook, what receiving it needs: events/senders.py.
        forms: the forms of its events; the first that fits reads one.
    """

    title: Annotated[str, Field(min_length=1, max_length=100)]
    sources: Annotated[list[Pattern], Field(max_length=20)] = []
    ends: Literal["event", "later_success", "silent", "none"]
    options: dict[Word, str] = {}
    overlaps: list[str] = []
    webhook: dict[str, Any] | None = None
    forms: Annotated[list[Form], Field(min_length=1, max_length=20)]

    @property
    def identities(self) -> list[Identity]:
        """What identifies its tickets, as rows of docs/sources.md."""
        return [
            Identity(said.what, said.key, said.end, said.order, form.repeat)
            for form in self.forms
            if (said := form.identified) is not None
        ]

    def is_for(self, sender: str) -> bool:
        """Return whether it reads what a sender sends."""
        return any(fits(sender, pattern) for pattern in self.sources)

    @model_validator(mode="after")
    def _ends_as_it_says(self) -> "Recipe":
        """Refuse a recipe without a beginning, or whose ends are none, or are not as it says."""
        if not any(form.trigger for form in self.forms):
            raise ValueError("forms: one must say what triggers a ticket")
        has_end = any(form.end for form in self.forms)
        is_silent = any(form.silent_hours for form in self.forms)
        if self.ends in {"event", "later_success"} and not has_end:
            raise ValueError("forms: none says when something ends, as `ends` promises")
        if self.ends == "silent" and not is_silent:
            raise ValueError("forms: none has silent_hours, as `ends` promises")
        if self.ends == "none" and (has_end or is_silent):
            raise ValueError("ends: must not be none where a form says when something ends")
        return self
