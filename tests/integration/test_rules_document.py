"""The rules' document: its list, its fallbacks and its limits; and what a preview says of it."""

from typing import TYPE_CHECKING, Any

from actionsync.events import support_groups
from local.servicenow.seed.ids import sys_id
from tests.conftest import call

if TYPE_CHECKING:
    from local.servicenow import Simulator
    from tests.conftest import Aws

SHOP = {
    "name": "Shop at night",
    "match": {"service": "shop*", "severity": ["critical", "high"], "labels": {"team": "blue"}},
    "then": {
        "assignment_group": "IT Support",
        "urgency": 1,
        "columns": {"u_team": "{{labels.team}}"},
    },
}
QUIET = {"name": "Quiet staging", "match": {"environment": "staging"}, "then": "ignore"}


def shown(event: dict[str, Any], rules: dict[str, Any] | None = None) -> dict[str, Any]:
    """Return what a preview says of an application error's ticket."""
    detail = {"service": "shop-api", "message": "Payment failed", "severity": "high", **event}
    body = {"event": {"detail-type": "Application Error", "detail": detail}}
    answer = call("preview_rules", body if rules is None else body | {"rules": rules})
    assert answer.status == 200, answer.text
    (ticket,) = answer.json["tickets"]
    return dict(ticket)


def test_the_list_and_the_fallbacks_are_one_document(aws: "Aws") -> None:
    """Saved, read and checked together, with one ETag."""
    saved = call("update_rules", {"rules": [QUIET, SHOP], "errors": {"category": "software"}})
    assert saved.status == 200, saved.text
    read = call("get_rules")
    assert read.headers["etag"] == saved.headers["etag"]
    assert [rule["name"] for rule in read.json["rules"]] == ["Quiet staging", "Shop at night"]
    assert read.json["errors"]["category"] == "software"
    assert call("update_rules", read.json).status == 200
    held = call("update_rules", {"rules": [{**SHOP, "then": {"during_change": "hold"}}]})
    then = held.json["rules"][0]["then"]
    assert then["during_change"] == {"do": "hold", "longest_hours": 12}
    assert call("update_rules", held.json).status == 200
    refused = call("update_rules", {"rules": [{**SHOP, "then": {"during_change": "wait"}}]})
    assert (refused.status, refused.fields[0][:26]) == (422, "rules.0.then.during_change")


def test_a_document_has_at_most_64_kilobytes(aws: "Aws") -> None:
    """In bytes, not characters."""

    def rules(letter: str) -> dict[str, Any]:
        columns = {f"u_{number}": letter * 3000 for number in range(14)}
        return {"rules": [{"name": "a", "then": {"columns": columns}}]}

    assert call("update_rules", rules("x")).status == 200
    refused = call("update_rules", rules("ä"))
    assert (refused.status, refused.fields) == (422, ["body"])
    assert "65536 bytes" in refused.text


def test_rules_that_were_read_can_be_saved_as_they_are(aws: "Aws") -> None:
    """As many as there may be, read with all that they leave out, are not longer than before."""
    names = [f"Rule {number}" for number in range(200)]
    then = {"category": "software"}
    rules = [{"name": name, "match": {"service": name}, "then": then} for name in names]
    assert call("update_rules", {"rules": rules}).status == 200
    read = call("get_rules").json
    saved = call("update_rules", read)
    assert saved.status == 200, saved.text
    assert call("get_rules").json == read


def test_a_preview_says_which_rule_fires_and_why_others_did_not(connected: "Simulator") -> None:
    """With the first condition that failed, and the event's value."""
    call("update_rules", {"rules": [QUIET, SHOP]})
    ticket = shown({"labels": {"team": "blue"}, "environment": "production"})
    assert ticket["rule"] == {"name": "Shop at night", "is_fallback": False}
    assert ticket["passed"] == [
        {"rule": "Quiet staging", "reason": "environment: 'production' is none of staging"}
    ]
    assert (ticket["columns"]["urgency"], ticket["columns"]["u_team"]) == ("1", "blue")
    ticket = shown({"labels": {"team": "red"}, "severity": "weird"})
    assert ticket["rule"] == {"name": "errors", "is_fallback": True}
    assert ticket["passed"][1]["reason"] == "labels.team: 'red' is none of blue"
    assert "'weird' is not known" in ticket["assumptions"][0]
    ticket = shown({"environment": "staging"})
    assert (ticket["wanted"], ticket["rule"]["name"], ticket["reason"]) == (
        False, "Quiet staging", "ignore",
    )  # fmt: skip


def test_a_preview_says_what_it_could_not_check(connected: "Simulator") -> None:
    """The recommended role may not read the dictionary: choices are asked of sys_choice."""
    columns = {"u_team": "blue", "made_sla": "true"}
    rules = {"errors": {"category": "No such thing", "fields": columns}}
    ticket = shown({}, rules)
    problems = {problem["field"]: problem["message"] for problem in ticket["problems"]}
    assert problems.keys() == {"category", "u_team"}
    # The same words as those of a check: no instance of this kind has the column.
    assert problems["u_team"] == "is no field of incident"
    assert ticket["unchecked"] == ["made_sla"]
    fine = shown({}, {"errors": {"category": "Software"}})
    assert (fine["problems"], fine["unchecked"]) == ([], [])


def test_a_preview_shows_the_support_group_of_the_ci(connected: "Simulator") -> None:
    """As a ticket would have it, or why it is another."""
    item = connected.instance.find("cmdb_ci_database", sys_id("Orders DB"))
    assert item is not None
    item["support_group"] = sys_id("Database")
    support_groups._known.clear()
    rules = {"rules": [{"name": "orders", "then": {"cmdb_ci": "Orders DB",
                        "assignment_group": "support_group_of_ci"}}]}  # fmt: skip
    ticket = shown({}, rules)
    assert ticket["columns"]["assignment_group"] == sys_id("Database")
    rules["rules"][0]["then"] = {"assignment_group": "support_group_of_ci"}
    ticket = shown({}, rules)
    assert "assignment_group" not in ticket["columns"]
    assert "without cmdb_ci" in ticket["assumptions"][0]
