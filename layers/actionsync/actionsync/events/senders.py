"""Who may send to a webhook: how each proves itself, and what is set up on its side.

A sender is the table `webhook` of a recipe in `events/sources/`; What is no recipe
stands here. A delivery loads the one that its address names, and nothing else.
"""

import re
import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from actionsync.events.verification import Way

_RECIPES = Path(__file__).parent / "sources"
_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")


@dataclass(frozen=True, slots=True)
class Sender:
    """A tool that delivers by webhook.

    Attributes:
        title: its name, for people.
        ways: how it proves itself, the best way first.
        elements: JMESPath of the list in its body where one delivery tells of several things.
        headers: the request's headers that its recipe reads.
        repeats_bodies: whether it sends the same bytes again on purpose.
        without: places in its body that may hold secrets: they are neither stored nor queued.
        delivery: JMESPath of what names a delivery, in a body that is signed.
        wrapped: JMESPath of what holds the body itself, in base64, where another carries it.
        test: JMESPath of what holds for its test deliveries.
        unsupported: JMESPath of what holds for older forms of its deliveries.
        header: the header to set on its side, `{secret}` standing for the secret.
        body: the body to paste on its side, where it is free.
        secret_is_its_own: whether the secret is made there, and has to be stored here.
        steps: where it is set up, in a sentence.
        is_translated: whether its source reads deliveries at once, under its owner's rules.
        is_push: whether a delivery asks for a look at a ticket, and is no event.
    """

    title: str
    ways: tuple[Way, ...]
    elements: str = ""
    headers: tuple[str, ...] = ()
    without: tuple[str, ...] = ()
    repeats_bodies: bool = False
    delivery: str = ""
    wrapped: str = ""
    test: str = ""
    unsupported: str = ""
    header: str = ""
    body: str = ""
    secret_is_its_own: bool = False
    steps: str = ""
    is_translated: bool = False
    is_push: bool = False

    def ways_of(self, name: str) -> tuple[Way, ...]:
        """Return the ways of a name; without one all but those that have to be asked for."""
        return tuple(way for way in self.ways if way.name == name or not (name or way.is_asked_for))

    @property
    def uses_standard_webhooks(self) -> bool:
        """Whether its secrets are keys in base64."""
        return any(way.way == "standard_webhooks" for way in self.ways)


_GITHUB = Sender(
    "GitHub",
    (Way("hmac", header="x-hub-signature-256", prefix="sha256="),),
    steps="Settings, Webhooks, Add webhook: payload URL, content type and secret.",
    is_translated=True,
)

# A push of ServiceNow's own business rule, `integrations/servicenow`.
_SERVICENOW = Sender(
    "ServiceNow",
    (
        Way(
            "hmac_base64",
            header="x-actionsync-signature",
            time_header="x-actionsync-timestamp",
        ),
    ),
    steps="Import the update set ActionSync push, then set its two properties: address and secret.",
    is_push=True,
)
# Senders that are no recipe.
_OWN = {"github": _GITHUB, "servicenow": _SERVICENOW}


@cache
def sender(name: str) -> Sender | None:
    """Return the sender of a name, or None where there is none."""
    if name in _OWN:
        return _OWN[name]
    if not _NAME.fullmatch(name):
        return None
    try:
        document = tomllib.loads((_RECIPES / f"{name}.toml").read_text())
    except FileNotFoundError:
        return None
    try:
        return _sender(document) if "webhook" in document else None
    except (KeyError, TypeError) as error:
        raise ValueError(f"{name}.toml: [webhook]: {error}") from error


def _sender(document: dict[str, Any]) -> Sender:
    facts = dict(document["webhook"])
    ways = tuple(Way(**way) for way in facts.pop("ways"))
    lists: dict[str, Any] = {name: tuple(facts.pop(name, ())) for name in ("headers", "without")}
    return Sender(document["title"], ways, **lists, **facts)


def names() -> list[str]:
    """Return the names of all senders."""
    files = (path.stem for path in _RECIPES.glob("*.toml"))
    return sorted([*_OWN, *(name for name in files if sender(name))])
