"""Every parser of what comes from outside, on true payloads that are bent in every way."""

import json
import os
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fuzz.targets import TARGETS
from tests.template import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator

EXAMPLES = int(os.environ.get("EXAMPLES", "150"))
# Numbers, texts and depths that parsers stumble over.
ODD = [
    '"\\ud800"', '"\\u0000"', '"\\u202e"', "1e400", "-1e400", "NaN", "Infinity", "9" * 5000, "-0",
    "true", "null", '"' + "x" * 5000 + '"', "[" * 2000 + "]" * 2000, '""', "[]", "{}",
    '{"a":' * 2000 + "1" + "}" * 2000, '"0001-01-01T00:00:00+23:59"',
    '"9999-12-31T23:59:59-23:59"', '"2024-02-30T00:00:00Z"',
]  # fmt: skip


def _payloads() -> "Iterator[str]":
    """Yield the bodies of all example events: what the parsers are made for."""
    for file in sorted((ROOT / "events").glob("*/*.json")):
        document = json.loads(file.read_text())
        for record in document.get("Records", []):
            yield record["body"]
        if isinstance(document.get("body"), str):
            yield document["body"]


PAYLOADS = list(_payloads())
LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
JSON = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=8,
)


@st.composite
def bent(draw: st.DrawFn) -> bytes:
    """Return a payload with a part of it replaced, doubled, cut or broken."""
    text = draw(st.sampled_from(PAYLOADS))
    way = draw(st.sampled_from(["leaf", "odd", "cut", "bytes", "double", "as it is"]))
    if way == "cut":
        text = text[: draw(st.integers(0, len(text)))]
    if way == "bytes":
        place = draw(st.integers(0, len(text)))
        return text[:place].encode() + draw(st.binary(max_size=8)) + text[place:].encode()
    if way in {"leaf", "odd", "double"}:
        try:
            document = json.loads(text)
        except ValueError:
            return text.encode()
        text = json.dumps(_changed(draw, document, way))
        if way == "odd":
            text = text.replace('"@odd@"', draw(st.sampled_from(ODD)))
        if way == "double":
            text = text.replace("{", '{"id": 1, "detail": "x", "user_id": [], ', 1)
    return text.encode("utf-8", "surrogatepass")


def _changed(draw: st.DrawFn, document: Any, way: str) -> Any:
    """Return a document in which one value, at any depth, is another."""
    if isinstance(document, dict) and document and draw(st.integers(0, 4)):
        name = draw(st.sampled_from(sorted(document)))
        inner = document[name]
        if name == "Message" and draw(st.booleans()):  # SNS: JSON in a text
            with suppress(ValueError, TypeError):
                return document | {name: json.dumps(_changed(draw, json.loads(inner), way))}
        return document | {name: _changed(draw, inner, way)}
    if isinstance(document, list) and document and draw(st.integers(0, 4)):
        return [_changed(draw, document[0], way), *document[1:]]
    return "@odd@" if way == "odd" else draw(JSON)


@pytest.mark.parametrize("name", TARGETS)
def test_a_parser_takes_anything(name: str) -> None:
    """It understands, or refuses in its own words; nothing else ever comes out of it."""
    target = TARGETS[name]

    @settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @given(data=bent() | st.binary(max_size=60) | st.text(max_size=60).map(str.encode))
    def check(data: bytes) -> None:
        target(data)

    check()
