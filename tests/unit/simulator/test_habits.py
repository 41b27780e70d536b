"""What differs between instances and users: rules of tables, profiles, languages, time zones."""

from typing import TYPE_CHECKING, Any

import pytest

from local.servicenow import Instance, Profile, Simulator, load, seed
from local.servicenow.errors import ApiError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import httpx

    SignIn = Callable[..., httpx.Client]

TABLE = "/api/now/table"
PROBLEM = f"{TABLE}/problem"


def _instance(profile: Profile) -> Instance:
    instance = Instance(profile=profile)
    seed.fill(instance)
    return instance


def _result(answer: "httpx.Response") -> Any:
    assert answer.is_success, answer.text
    return answer.json()["result"]


# ---- problems, security incidents, requests


def _new_problem(http: "httpx.Client", **values: str) -> str:
    body = {"short_description": "x", "assigned_to": seed.sys_id("user problem.manager")}
    return f"{PROBLEM}/{_result(http.post(PROBLEM, json=body | values))['sys_id']}"


def test_a_problem_goes_through_its_states(http: "httpx.Client") -> None:
    """From New to Closed, by either of the two columns that hold the state, and back."""
    path = _new_problem(http, impact="1", urgency="2")
    new = _result(http.get(path))
    assert (new["state"], new["problem_state"], new["priority"]) == ("101", "101", "2")
    for column, body in (
        ("state", {"state": "102"}),
        ("problem_state", {"problem_state": "103"}),
        ("state", {"state": "104", "cause_notes": "a leak", "fix_notes": "a patch"}),
        ("problem_state", {"problem_state": "106", "resolution_code": "fix_applied"}),
        ("state", {"state": "107"}),
    ):
        row = _result(http.patch(path, json=body))
        assert row["state"] == row["problem_state"] == body[column]
    assert (row["active"], row["closed_by"]["value"]) == (
        "false", seed.sys_id(f"user {seed.INTEGRATION_USER}"),
    )  # fmt: skip
    assert row["confirmed_at"] <= row["fix_at"] == row["resolved_at"] <= row["closed_at"]
    again = _result(http.patch(path, json={"state": "103"}))
    assert (again["active"], again["reopen_count"]) == ("true", "1")


@pytest.mark.parametrize(
    ("state", "body", "detail"),
    [
        ("101", {"state": "104"}, "aborted by Business Rule 'Problem State"),
        ("102", {"state": "106", "resolution_code": "canceled"}, "aborted by Business Rule"),
        ("102", {"state": "107"}, "mandatory: Resolution code"),
        ("103", {"state": "104"}, "mandatory: Cause notes, Fix notes"),
        ("103", {"state": "106", "resolution_code": "risk_accepted"},
         "mandatory: Cause notes, Close notes"),
        ("102", {"state": "107", "resolution_code": "canceled"}, "mandatory: Close notes"),
        ("102", {"state": "107", "resolution_code": "duplicate"}, "mandatory: Duplicate of"),
        ("102", {"state": "107", "resolution_code": "no such"}, "mandatory: Resolution code"),
        ("102", {"assigned_to": ""}, "mandatory: Assigned to"),
    ],
)  # fmt: skip
def test_a_problem_is_refused_what_it_lacks(
    http: "httpx.Client", state: str, body: dict[str, str], detail: str
) -> None:
    """A skipped state, and what a data policy of the state or the resolution wants."""
    path = _new_problem(http, state=state)
    answer = http.patch(path, json=body)
    assert answer.status_code == 403
    assert detail in answer.json()["error"]["detail"]
    assert _result(http.get(path))["state"] == state


def test_a_problem_has_tasks(http: "httpx.Client", sign_in: "SignIn") -> None:
    """A table of their own; only a problem administrator deletes."""
    path = _new_problem(http)
    problem = path.rpartition("/")[2]
    task = _result(http.post(f"{TABLE}/problem_task", json={"problem": problem}))
    assert (task["number"], task["state"]) == ("PTASK0010001", "151")
    closed = _result(http.patch(f"{TABLE}/problem_task/{task['sys_id']}", json={"state": "157"}))
    assert closed["active"] == "false"
    assert http.delete(path).status_code == 403
    assert sign_in("admin").delete(path).status_code == 204


def test_ansibles_application_moves_a_problem(http: "httpx.Client") -> None:
    """By number, one allowed step at a time."""
    number = _result(http.get(_new_problem(http, state="102")))["number"]
    path = f"/api/x_rhtpp_ansible/problem/{number}/new_state"
    refused = http.patch(f"{path}/106", json={"resolution_code": "canceled"})
    assert (refused.status_code, refused.json()["error"]["message"]) == (
        400, "Problem state transition from state 102 to 106 is not possible.",
    )  # fmt: skip
    body = {"resolution_code": "canceled", "close_notes": "x"}
    bare = {"sysparm_exclude_reference_link": "true"}
    assert _result(http.patch(f"{path}/107", json=body, params=bare))["state"] == "107"
    assert http.patch(f"{path}/1", json={}).status_code == 400
    unknown = http.patch("/api/x_rhtpp_ansible/problem/PRB1/new_state/102", json={})
    assert unknown.status_code == 404


def test_security_incidents_have_states_and_roles_of_their_own(
    http: "httpx.Client", sign_in: "SignIn"
) -> None:
    """Closed with a code and notes, and seen by nobody else."""
    made = _result(http.post(f"{TABLE}/sn_si_incident", json={"short_description": "x"}))
    assert (made["number"], made["state"]) == ("SIR0010001", "10")
    path = f"{TABLE}/sn_si_incident/{made['sys_id']}"
    assert "Close code, Close notes" in http.patch(path, json={"state": "3"}).text
    body = {"state": "3", "close_code": "False positive", "close_notes": "x"}
    assert _result(http.patch(path, json=body))["active"] == "false"
    assert http.patch(path, json={"state": "18"}).status_code == 403
    assert _result(http.patch(path, json={"state": "16"}))["active"] == "true"
    closer = sign_in("closer")
    for hidden in (path, path.replace("sn_si_incident", "task")):
        assert closer.get(hidden).status_code == 404
    query = {"sysparm_query": f"number={made['number']}", "sysparm_count": "true"}
    assert closer.get(f"{TABLE}/task", params=query).json()["result"] == []
    stats = closer.get("/api/now/stats/task", params=query).json()["result"]
    assert stats == {"stats": {"count": "0"}}
    assert closer.get(f"/task.do?sys_id={made['sys_id']}").status_code == 404


def test_a_request_is_approved_and_fulfilled(http: "httpx.Client") -> None:
    """What is submitted is in process; days are dates with the first second."""
    made = _result(http.post(f"{TABLE}/sc_request", json={"request_state": "draft"}))
    path = f"{TABLE}/sc_request/{made['sys_id']}"
    assert _result(http.patch(path, json={"request_state": "submitted"}))["request_state"] == (
        "in_process"
    )
    assert _result(http.patch(path, json={"due_date": "2024-12-31"}))["due_date"] == (
        "2024-12-31 00:00:00"
    )
    closed = _result(http.patch(path, json={"request_state": "closed_complete"}))
    assert closed["active"] == "false"


def test_a_business_rule_made_by_the_api_aborts(admin: "httpx.Client") -> None:
    """A rule of `sys_script` with a condition, as long as it is active."""
    rule = _result(
        admin.post(
            f"{TABLE}/sys_script",
            json={
                "name": "No EICAR", "collection": "problem", "abort_action": True,
                "action_insert": True, "action_update": True,
                "filter_condition": "short_descriptionLIKEEICAR^ORdescriptionLIKEEICAR^EQ",
            },
        )
    )  # fmt: skip
    refused = admin.post(PROBLEM, json={"description": "an eicar"})
    assert refused.status_code == 403
    assert f"'No EICAR^{rule['sys_id']}'" in refused.json()["error"]["detail"]
    admin.patch(f"{TABLE}/sys_script/{rule['sys_id']}", json={"active": "false"})
    assert admin.post(PROBLEM, json={"description": "an eicar"}).status_code == 201


def test_a_reassignment_is_counted(http: "httpx.Client") -> None:
    """From the second group on."""
    path = f"{TABLE}/incident/{seed.sys_id('incident 1')}"
    for group, count in (("Network", "1"), ("Network", "1"), ("Database", "2")):
        row = _result(http.patch(path, json={"assignment_group": seed.sys_id(group)}))
        assert row["reassignment_count"] == count


# ---- languages and time zones


@pytest.mark.parametrize(
    ("user", "state", "refusal", "moment"),
    [
        ("gerda.schmidt", "Neu",
         ("Datenrichtlinienausnahme", "Lösungscode, Abschlussnotizen"), "01.07.2030 14:00:00"),
        ("haruka.sato", "新規",
         ("データポリシー例外", "解決コード, クローズメモ"), "2030/07/01 21:00:00"),
        ("admin", "New",
         ("Data Policy Exception", "Resolution code, Close notes"), "2030-07-01 05:00:00"),
    ],
)  # fmt: skip
def test_a_user_reads_and_writes_in_ones_own_language_and_zone(
    sign_in: "SignIn", user: str, state: str, refusal: tuple[str, str], moment: str
) -> None:
    """Labels, dates, refusals; and display values as input."""
    http = sign_in(user)
    path = f"{TABLE}/incident/{seed.sys_id('incident 4')}"
    _result(http.patch(path, json={"due_date": "2030-07-01 12:00:00"}))
    shown = _result(http.get(path, params={"sysparm_display_value": "true"}))
    assert (shown["state"], shown["due_date"]) == (state, moment)
    refused = http.patch(path, json={"state": "6"}).json()["error"]["detail"]
    assert refused.startswith(refusal[0])
    assert refused.endswith(refusal[1])
    as_shown = {"sysparm_input_display_value": "true"}
    body = {"due_date": "2030-07-01T00:00:00", "state": state}
    row = _result(http.patch(path, json=body, params=as_shown))
    hour = {"gerda.schmidt": "06-30 22", "haruka.sato": "06-30 15", "admin": "07-01 07"}[user]
    assert (row["due_date"], row["state"]) == (f"2030-{hour}:00:00", "1")


def test_choices_come_in_every_language_of_the_instance(http: "httpx.Client") -> None:
    """A language's plugin brings rows of its own for what it translates."""
    found = _result(
        http.get(
            f"{TABLE}/sys_choice",
            params={"sysparm_query": "name=incident^element=state^value=1^ORDERBYlanguage"},
        )
    )
    assert [(row["language"], row["label"]) for row in found] == [
        ("de", "Neu"), ("en", "New"), ("ja", "新規"),
    ]  # fmt: skip


def test_a_journal_is_shown_in_the_readers_language(sign_in: "SignIn") -> None:
    """The kind of an entry, and when it was made."""
    http = sign_in("gerda.schmidt")
    path = f"{TABLE}/incident/{seed.sys_id('incident 4')}"
    shown = _result(
        http.patch(path, json={"work_notes": "Text"}, params={"sysparm_display_value": "true"})
    )
    assert shown["work_notes"].endswith(" - Gerda Schmidt (Arbeitsnotizen)\nText\n\n")


# ---- profiles


def test_an_older_release() -> None:
    """Other close codes and risks, English alone, no security incidents."""
    instance = _instance(load("older"))
    assert "Solved (Permanently)" in instance.choice_labels("incident", "close_code")
    assert "Solution provided" not in instance.choice_labels("incident", "close_code")
    assert next(iter(instance.choice_labels("change_request", "risk"))) == "1"
    assert {row["language"] for row in instance.records("sys_choice")} == {"en"}
    assert "sn_si_incident" not in instance.schema
    row = instance.find("incident", seed.sys_id("incident 1"))
    assert row is not None
    body = {"state": "6", "close_code": "Solved (Permanently)", "close_notes": "x"}
    done = instance.update("incident", row, body, instance.accounts["admin"])
    assert done["state"] == "6"


def test_an_instance_that_answers_invalid_queries_with_nothing(tmp_path: "Path") -> None:
    """As the property `glide.invalid_query.returns_no_rows` has it."""
    file = tmp_path / "strict.toml"
    file.write_text('name = "Strict"\n[properties]\n"glide.invalid_query.returns_no_rows" = "true"')
    instance = _instance(load(file))
    account = instance.accounts["admin"]
    assert instance.search("incident", "active=true^bad=1", account) == []
    assert len(instance.search("incident", "active=true^EQ", account)) == 6


def test_a_german_company() -> None:
    """Its numbers, columns, zone, what it hides, and what it calls mandatory."""
    instance = _instance(load("german"))
    account = instance.accounts[seed.INTEGRATION_USER]
    reader = instance.reader(account)
    assert (reader.language, str(reader.zone), reader.day_format) == (
        "de", "Europe/Berlin", "%d.%m.%Y",
    )  # fmt: skip
    body = {"short_description": "x", "caller_id": seed.sys_id("user abel.tuter")}
    made = instance.insert("incident", body | {"u_kostenstelle": "4711"}, account)
    assert (made["number"], made["u_kostenstelle"]) == ("ACME_INC0000000001", "4711")
    with pytest.raises(ApiError, match="mandatory: Caller"):
        instance.insert("incident", {"short_description": "x"}, account)
    with pytest.raises(ApiError, match="Keine Tests"):
        instance.insert("incident", body | {"short_description": "Test 1"}, account)
    assert instance.schema.table("incident").columns["business_stc"].hidden
    assert not instance.may_read(account, "sys_choice")


def test_a_business_rule_that_sets_columns_back(tmp_path: "Path") -> None:
    """Without an error, and only where its condition is met."""
    file = tmp_path / "careful.toml"
    file.write_text(
        """
        name = "Careful"
        [[business_rules]]
        table = "incident"
        name = "Nothing is resolved without an owner"
        condition = "state=6^assigned_toISEMPTY"
        restores = ["state", "incident_state"]
        """
    )
    instance = _instance(load(file))
    account = instance.accounts["admin"]
    ending = {"state": "6", "close_code": "Solution provided", "close_notes": "x"}
    made = instance.insert("incident", {"short_description": "x"}, account)
    kept = instance.update("incident", made, ending, account)
    assert (kept["state"], kept["incident_state"], kept["close_notes"]) == ("1", "1", "x")
    owned = instance.update("incident", made, ending | {"assigned_to": account.sys_id}, account)
    assert owned["state"] == "6"


def test_a_profile_is_a_file(tmp_path: "Path") -> None:
    """Whoever finds another habit writes it down; what is wrong in it is said."""
    file = tmp_path / "acme.toml"
    file.write_text(
        """
        name = "ACME"
        [without]
        task = ["watch_list"]
        [hidden]
        incident = ["correlation_id"]
        [change_models.normal]
        "-5" = ["3"]
        "3" = []
        [properties]
        "acme.flag" = "on"
        """
    )
    with Simulator(profile=file) as simulator:
        instance = simulator.instance
        assert "watch_list" not in instance.schema.table("change_request").columns
        assert instance.prop("acme.flag") == "on"
        account = instance.accounts[seed.INTEGRATION_USER]
        made = instance.insert("change_request", {"short_description": "x"}, account)
        body = {"state": "3", "close_code": "successful", "close_notes": "x"}
        assert instance.update("change_request", made, body, account)["state"] == "3"
        row = instance.insert("incident", {"correlation_id": "x"}, account)
        assert row["correlation_id"] == ""
        row = instance.insert("incident", {"correlation_id": "x"}, instance.accounts["admin"])
        assert row["correlation_id"] == "x"
    file.write_text('name = "ACME"\nnombers = 1')
    with pytest.raises(ValueError, match="nombers"):
        load(file)
    with pytest.raises(FileNotFoundError):
        load(tmp_path / "none.toml")
