"""What the guide shows of the events that come out is what comes out."""

import json
import re
from typing import Any, get_args

import pytest

from actionsync.events.outgoing import SOURCE, DetailType, TicketDetail
from tests.template import ROOT

GUIDE = (ROOT / "docs/two-way.md").read_text()
BLOCKS: list[dict[str, Any]] = [
    json.loads(block) for block in re.findall(r"```json\n(.*?)```", GUIDE, re.DOTALL)
]
EVENTS = [block for block in BLOCKS if isinstance(block.get("detail-type"), str)]


def test_the_guide_names_each_kind() -> None:
    """In one table, and no other."""
    named = re.findall(r"^\| `((?:Ticket|Change) \w+)` \|", GUIDE, re.MULTILINE)
    assert sorted(named) == sorted(get_args(DetailType))


def test_a_whole_example_is_a_detail() -> None:
    """With each field of the model's own type, and none that it does not have."""
    (whole,) = [event for event in EVENTS if "version" in event]
    detail = TicketDetail.model_validate(whole["detail"], strict=True)
    assert detail.model_dump(exclude_unset=True) == whole["detail"]
    assert whole["detail"]["id"] == f"{detail.sys_id}-{detail.sequence}"


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: str(block.get("detail-type", "any")))
def test_examples_and_patterns_name_what_there_is(block: dict[str, Any]) -> None:
    """The source, the detail-types, and fields of the detail."""
    assert SOURCE in block["source"]
    kinds = block.get("detail-type", [])
    assert set([kinds] if isinstance(kinds, str) else kinds) <= set(get_args(DetailType))
    assert set(block.get("detail", {})) <= set(TicketDetail.model_fields)
