"""The types of an event's fields, and the one way to read them: liberal, and open about it.

Null and blank are absent. A number is taken for text. What decorates is cut, what identifies is
hashed where it is too long, and a word that nobody knows has a default. Whatever was assumed, cut
or left out is reported, in sentences for people.
"""

import json
import re
from contextlib import suppress
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    model_validator,
)
from pydantic.alias_generators import to_camel, to_pascal

from actionsync.events.models import UnreadableEventError, digest
from actionsync.rules.matching import SEVERITIES, Severity

if TYPE_CHECKING:
    from collections.abc import Callable

Model = TypeVar("Model", bound="Detail")

LONGEST_TEXT = 3000
_LONGEST_LABELS = 50
_DIGEST_DIGITS = 12

# What loggers, monitors and trackers call their levels; numbers are those of priorities.
_SEVERITY_WORDS: dict[str, Severity] = {
    **{severity: severity for severity in SEVERITIES},
    **dict.fromkeys(("crit", "fatal", "emergency", "emerg", "alert", "panic", "blocker",
                     "disaster", "page", "down", "0", "1"), "critical"),
    **dict.fromkeys(("error", "err", "severe", "major", "urgent", "important", "2"), "high"),
    **dict.fromkeys(("warning", "warn", "moderate", "minor", "average", "normal", "3"), "medium"),
    **dict.fromkeys(("notice", "trivial", "4"), "low"),
    **dict.fromkeys(("information", "informational", "debug", "trace", "verbose", "none", "clear",
                     "ok", "5", "6", "7"), "info"),
}  # fmt: skip
_LEVEL = re.compile(r"(?:p|s|sev|severity|prio|priority|level)?[\s_-]*([0-7])(?:\s*-\s*\w+)?")
_ENGLISH_FORMS = (
    "%b %d, %Y %I:%M:%S %p", "%a %b %d %H:%M:%S.%f UTC %Y", "%a %b %d %H:%M:%S UTC %Y", "%b %d, %Y",
)  # fmt: skip
_TRUE, _FALSE = {"true", "yes", "y", "on", "1"}, {"false", "no", "n", "off", "0"}
_SPACES = re.compile(r"[\s_-]+")


class Detail(BaseModel):
    """What an event says; what it says beyond this is not ours to refuse."""

    model_config = ConfigDict(extra="ignore", defer_build=True)

    @model_validator(mode="before")
    @classmethod
    def _empty_is_absent(cls, values: Any) -> Any:
        if not isinstance(values, dict):
            return values
        return {
            name: value
            for name, value in values.items()
            if value is not None and not (isinstance(value, str) and not value.strip())
        }


class CamelDetail(Detail):
    """The same, with `aName` in AWS's JSON for `a_name`."""

    model_config = ConfigDict(alias_generator=to_camel)


class PascalDetail(Detail):
    """The same, with `AName` for `a_name`."""

    model_config = ConfigDict(alias_generator=to_pascal)


class KebabDetail(Detail):
    """The same, with `a-name` for `a_name`."""

    model_config = ConfigDict(alias_generator=lambda name: name.replace("_", "-"))


def parse(model: type[Model], detail: Any, assumptions: list[str]) -> Model:
    """Return an event's detail, and add to `assumptions` what had to be assumed.

    Raises:
        UnreadableEventError: it lacks what identifies it.
    """
    try:
        return model.model_validate(detail, context=assumptions)
    except ValidationError as error:
        wrong = error.errors(include_url=False, include_context=False, include_input=False)
        reasons = (
            f"{'.'.join(str(part) for part in item['loc']) or 'detail'}: {item['msg']}"
            for item in wrong[:5]
        )
        raise UnreadableEventError("; ".join(reasons)) from None


def moment(value: object) -> datetime | None:
    """Return a moment in any of the forms that senders use, in UTC, or None where it is none.

    ISO 8601 with Z, +00:00 or +0000; `2016-08-12 15:23:28 UTC`; seconds, or milli- to nanoseconds,
    since 1970; RFC 1123, whatever its weekday says; `Sep 1, 2017 4:12:29 PM`; Java's
    `Wed Sep 04 16:59:44.356 UTC 2024`.
    """
    text = str(value).strip().removesuffix(" UTC")
    try:
        if re.fullmatch(r"\d{9,11}(\.\d+)?|\d{12,19}", text):
            number = float(text)
            while number > 1e11:  # noqa: PLR2004 - seconds until the year 5138
                number /= 1000
            return datetime.fromtimestamp(number, UTC)
        parsed = _parsed(text)
        return parsed.replace(tzinfo=parsed.tzinfo or UTC).astimezone(UTC)
    except (ValueError, OverflowError, OSError):  # the year 0 or 10000 in UTC
        return None


def _parsed(text: str) -> datetime:
    """Return the moment that a text is.

    Raises:
        ValueError: it is none.
    """
    if not text[:1].isalpha():
        return datetime.fromisoformat(text)
    for form in _ENGLISH_FORMS:
        with suppress(ValueError):
            return datetime.strptime(text, form).replace(tzinfo=UTC)
    return parsedate_to_datetime(text)


def cut(text: str, limit: int = LONGEST_TEXT) -> str:
    """Return a text of at most `limit` characters, without its middle where it is longer."""
    if len(text) <= limit:
        return text
    gap = (
        f"\n[... {len(text) - limit} characters left out ...]\n"
        if limit > LONGEST_TEXT / 2
        else "…"
    )
    head = (limit - len(gap)) // 2
    return text[:head] + gap + text[len(text) - (limit - len(gap) - head) :]


def too_long(assumptions: list[str], **texts: str) -> dict[str, str]:
    """Return the texts that a ticket shows without their middle, whole, by file name."""
    long = {name: text for name, text in texts.items() if len(text) > LONGEST_TEXT}
    assumptions += [f"{name}: shown without its middle" for name in long]
    return {f"{name}.txt": text for name, text in long.items()}


def severity_of(value: object) -> Severity | None:
    """Return the severity that a word or number of another tool means, or None."""
    word = str(value).strip().lower()
    level = _LEVEL.fullmatch(word)
    return _SEVERITY_WORDS.get(level[1] if level else word)


def word(value: object) -> str:
    """Return a word as the lists of known words have it: `Timed Out` is `timed_out`."""
    return _SPACES.sub("_", str(value).strip().lower())


def _report(info: ValidationInfo, text: str) -> None:
    if isinstance(info.context, list):
        info.context.append(f"{info.field_name}: {text}")


def _is_plain(value: object) -> bool:
    return isinstance(value, str | int | float)


def as_text(value: Any) -> str:
    """Return any JSON value as text."""
    if isinstance(value, str):
        return value
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() else str(value)
    return json.dumps(value, ensure_ascii=False)


def to_text(value: Any, info: ValidationInfo) -> str:
    """Return any JSON value as text, and report what was none."""
    if not _is_plain(value):
        _report(info, "was no text")
    return as_text(value)


def _plain_text(value: Any) -> Any:
    return as_text(value).strip() if _is_plain(value) else value


def _cut_to(limit: int) -> "Callable[[str, ValidationInfo], str]":
    def shorten(text: str, info: ValidationInfo) -> str:
        if len(text) > limit:
            _report(info, f"cut from {len(text)} characters")
        return cut(text, limit)

    return shorten


def _end_cut_to(limit: int) -> "Callable[[str, ValidationInfo], str]":
    def shorten(text: str, info: ValidationInfo) -> str:
        if len(text) > limit:
            _report(info, f"cut from {len(text)} characters")
        return text[:limit]

    return shorten


def _hash_beyond(limit: int) -> "Callable[[str, ValidationInfo], str]":
    def shorten(text: str, info: ValidationInfo) -> str:
        if len(text) <= limit:
            return text
        _report(info, f"cut from {len(text)} characters")
        return f"{text[: limit - _DIGEST_DIGITS - 1]}~{digest(text)[:_DIGEST_DIGITS]}"

    return shorten


def _severity(value: Any, info: ValidationInfo) -> Severity:
    known = severity_of(value)
    if known is None:
        _report(info, f"{cut(as_text(value), 50)!r} is not known and counts as high")
    return known or "high"


def _truth(value: Any, info: ValidationInfo) -> bool:
    given = as_text(value).strip().lower()
    if given not in _TRUE | _FALSE:
        _report(info, "is neither true nor false and counts as true")
    return given not in _FALSE


def _moment(value: Any, info: ValidationInfo) -> datetime | None:
    found = moment(value)
    if found is None:
        _report(info, "is no moment; the event's own counts")
    return found


def _labels(value: Any, info: ValidationInfo) -> dict[str, str]:
    if not isinstance(value, dict):
        _report(info, "were no names with values")
        return {}
    if len(value) > _LONGEST_LABELS:
        _report(info, f"only the first {_LONGEST_LABELS} of {len(value)}")
    some = list(value.items())[:_LONGEST_LABELS]
    return {cut(str(name), 100): cut(as_text(text), 200) for name, text in some if text is not None}


def known_words(words: dict[str, str], default: str) -> BeforeValidator:
    """Return the validator of a field with known words, those of other tools among them."""

    def known(value: Any, info: ValidationInfo) -> str:
        found = words.get(word(as_text(value)))
        if found is None:
            _report(info, f"{cut(as_text(value), 50)!r} is not known and counts as {default}")
        return found or default

    return BeforeValidator(known)


def _part(value: Any, info: ValidationInfo) -> Any:
    if isinstance(value, dict | BaseModel):
        return value
    _report(info, "was no object")
    return {}


# Whose event it is: never cut, never guessed.
OwnerId = Annotated[str, Field(min_length=1, max_length=128), BeforeValidator(_plain_text)]
# What identifies.
Name = Annotated[
    str, Field(min_length=1), BeforeValidator(_plain_text), AfterValidator(_hash_beyond(200))
]
Key = Annotated[str, BeforeValidator(to_text), AfterValidator(str.strip)]
# What decorates.
Line = Annotated[str, BeforeValidator(to_text), AfterValidator(_cut_to(200))]
Url = Annotated[str, BeforeValidator(to_text), AfterValidator(_end_cut_to(2000))]
# What may be long: the reader cuts it, and attaches the whole.
Text = Annotated[str, BeforeValidator(to_text)]
AnySeverity = Annotated[Severity, BeforeValidator(_severity)]
Truth = Annotated[bool, BeforeValidator(_truth)]
Moment = Annotated[datetime | None, BeforeValidator(_moment)]
# An object that may be absent, or something else.
PART = BeforeValidator(_part)
Labels = Annotated[dict[str, str], BeforeValidator(_labels)]
