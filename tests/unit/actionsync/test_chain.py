"""The audit trail's chain: no record is changed, inserted or taken out unseen."""

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actionsync.audit.chain import Anchor, Link, first_break

NOW = 1_000_000
Items = list[dict[str, Any]]


def chain(length: int, expires_at: int = NOW + 1000, first: Link | None = None) -> Items:
    """Return the items of a chain, each record a second younger than the one before."""
    links = [first or Link("ada", 1, '{"n": 1}', expires_at)]
    while len(links) < length:
        end = links[-1]
        text = f'{{"n": {end.seq + 1}}}'
        links.append(Link("ada", end.seq + 1, text, end.expires_at + 1, end.hash, end.expires_at))
    return [dict(link.item()) for link in links]


def test_a_chain_as_it_was_written_is_whole() -> None:
    """Of any length; none is whole, too."""
    for length in range(1, 6):
        assert first_break(chain(length), NOW) is None
    assert first_break([], NOW) is None


@given(length=st.integers(1, 12), data=st.data())
def test_any_change_is_named(length: int, data: st.DataObject) -> None:
    """Whatever is changed in whichever record, the break is there."""
    items = chain(length)
    at = data.draw(st.integers(0, length - 1))
    name = data.draw(st.sampled_from(sorted(set(items[at]) - {"sk"})))
    kind = next(iter(items[at][name]))
    old = items[at][name][kind]
    new = data.draw((st.text("0a{") if kind == "S" else st.integers().map(str)).filter(old.__ne__))
    items[at][name] = {kind: new}
    broken = first_break(items, NOW)
    assert broken is not None
    assert broken.seq == at + 1


@given(length=st.integers(1, 12), data=st.data())
def test_a_forged_record_is_named_by_the_one_after_it(length: int, data: st.DataObject) -> None:
    """With a hash that fits it, it is whole in itself: the chain is not, or the anchor tells."""
    items = chain(length)
    anchor = Anchor(length, items[-1]["hash"]["S"])
    at = data.draw(st.integers(0, length - 1))
    old = items[at]
    forged = Link(
        "ada", at + 1, '{"n": "forged"}', int(old["expires_at"]["N"]), old["previous"]["S"],
        int(old["previous_expires_at"]["N"]),
    )  # fmt: skip
    items[at] = dict(forged.item())
    broken = first_break(items, NOW, [anchor])
    assert broken is not None
    assert broken.seq == at + 1


@given(length=st.integers(2, 12), data=st.data())
def test_a_record_taken_out_is_named(length: int, data: st.DataObject) -> None:
    """At the oldest end and in the middle by the gap, at the newest end by an anchor."""
    items = chain(length)
    anchor = Anchor(length, items[-1]["hash"]["S"])
    at = data.draw(st.integers(0, length - 1))
    del items[at]
    broken = first_break(items, NOW, [anchor])
    assert broken is not None
    assert broken.seq <= at + 1
    if at < length - 1:
        assert first_break(items, NOW) is not None


@given(length=st.integers(2, 12), gone=st.integers(1, 11))
def test_time_to_live_breaks_nothing(length: int, gone: int) -> None:
    """What is over may be gone, in any order, and its anchor with it; what is not may not."""
    items = chain(length, expires_at=NOW)
    gone = min(gone, length - 1)
    anchor = Anchor(1, items[0]["hash"]["S"])
    later = NOW + gone - 1  # the first `gone` records are over by then
    assert first_break(items[gone:], later, [anchor]) is None
    assert first_break([*items[: gone - 1], *items[gone:]], later) is None
    assert first_break(items[gone:], later - 1) is not None


def test_a_chain_cut_at_its_newest_end_needs_an_anchor() -> None:
    """What the module says of its own limit."""
    items = chain(5)
    anchor = Anchor(5, items[-1]["hash"]["S"])
    assert first_break(items[:3], NOW) is None
    broken = first_break(items[:3], NOW, [anchor])
    assert broken is not None
    assert (broken.seq, broken.reason) == (4, "the chain ends before 5")


def test_a_record_of_another_chain_does_not_fit() -> None:
    """A whole record of another user's, in the place of one of ours."""
    items, others = chain(3), copy.deepcopy(chain(3))
    link = Link("eve", 2, '{"n": 2}', NOW + 1001, items[0]["hash"]["S"], NOW + 1000)
    others[1] = dict(link.item())
    others[1]["pk"] = {"S": "ada"}
    broken = first_break(others, NOW)
    assert broken is not None
    assert broken.seq == 2


@pytest.mark.parametrize("name", ["record", "previous", "previous_expires_at", "expires_at"])
def test_a_record_without_a_part_is_broken(name: str) -> None:
    """Nothing is taken for granted of an item that may have been tampered with."""
    items = chain(2)
    del items[1][name]
    assert first_break(items, NOW) is not None
