"""The pages for people: who follows a ticket's link sees the ticket, and nothing else happens."""

import re
from typing import TYPE_CHECKING

import pytest

from local.servicenow import Simulator, faults, seed

if TYPE_CHECKING:
    from collections.abc import Callable

    import httpx

    SignIn = Callable[..., httpx.Client]

INCIDENT = seed.sys_id("incident 1")
EVIL = "<script>alert(1)</script>\"'&"


@pytest.fixture
def browser(sign_in: "SignIn") -> "httpx.Client":
    """A client that follows redirects and has signed in on the page as the administrator."""
    client = sign_in(follow_redirects=True)
    form = {"user_name": "admin", "user_password": "admin"}
    assert client.post("/login.do", data=form).status_code == 200
    return client


@pytest.mark.parametrize(
    "link",
    [
        f"/nav_to.do?uri=incident.do%3Fsys_id%3D{INCIDENT}",
        f"/nav_to.do?uri=/incident.do?sys_id={INCIDENT}",
        f"/now/nav/ui/classic/params/target/incident.do%3Fsys_id%3D{INCIDENT}",
        f"/incident.do?sys_id={INCIDENT}",
        "/incident.do?sysparm_query=number=INC0000001",
    ],
)
def test_a_tickets_link_leads_over_the_sign_in_to_the_ticket(sign_in: "SignIn", link: str) -> None:
    """Whichever of ServiceNow's links it is; a wrong password leads nowhere."""
    person = sign_in(follow_redirects=True)
    form = person.get(link)
    assert (form.status_code, "Log in" in form.text) == (200, True)
    assert "read email" not in form.text
    wrong = person.post(str(form.url), data={"user_name": "admin", "user_password": "x"})
    assert (wrong.status_code, 'role="alert"' in wrong.text) == (401, True)
    page = person.post(str(form.url), data={"user_name": "admin", "user_password": "admin"})
    assert page.status_code == 200
    assert "<h1>INC0000001</h1>" in page.text
    assert "read email" in page.text
    cookie = next(c for c in person.cookies.jar if c.name == "glide_user_session")
    assert cookie.secure


def test_a_record_has_its_journal_and_files(admin: "httpx.Client", browser: "httpx.Client") -> None:
    """Texts of records stay texts, and nothing in the page could run."""
    path = f"/api/now/table/incident/{INCIDENT}"
    admin.patch(path, json={"short_description": EVIL, "work_notes": EVIL, "description": EVIL})
    where = {"table_name": "incident", "table_sys_id": INCIDENT, "file_name": f"{EVIL}.html"}
    content = b"<script>alert(2)</script>"
    admin.post(
        "/api/now/attachment/file", params=where, content=content,
        headers={"Content-Type": "text/html"},
    )  # fmt: skip
    page = browser.get(f"/incident.do?sys_id={INCIDENT}")
    assert "<script" not in page.text
    assert page.text.count("&lt;script&gt;alert(1)") == 5
    assert "System Administrator <small>Work notes" in page.text
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "script-src" not in policy
    link = re.search(r'href="(/sys_attachment\.do\?sys_id=\w+)"', page.text)
    assert link is not None
    file = browser.get(link[1])
    assert file.content == content
    assert file.headers["content-type"] == "application/octet-stream"
    assert file.headers["content-disposition"].startswith("attachment;")
    assert browser.get("/_simulator/page.css").headers["content-type"].startswith("text/css")


def test_a_change_shows_what_belongs_to_it(simulator: Simulator, browser: "httpx.Client") -> None:
    """Its tasks lead on, and each reference to its record."""
    simulator.instance.put(
        "change_task", change_request=seed.sys_id("change 1"), short_description="The step"
    )
    page = browser.get(f"/change_request.do?sys_id={seed.sys_id('change 1')}").text
    assert "The step" in page
    task = re.search(r'href="(/change_task\.do\?sys_id=\w+)"', page)
    assert task is not None
    assert "CTASK" in browser.get(task[1]).text
    assert f'href="/sys_user_group.do?sys_id={seed.sys_id("Software")}"' in page


def test_lists(browser: "httpx.Client", sign_in: "SignIn") -> None:
    """The home page is the list of incidents; a query narrows a list; rights hold here, too."""
    assert "7 of 7" in browser.get("/").text
    page = browser.get("/incident_list.do", params={"sysparm_query": "number=INC0000002"}).text
    assert "1 of 1" in page
    assert "Network file shares" in page
    assert browser.get("/incident_list.do?sysparm_query=numberNEARBYx").status_code == 501
    nobody = sign_in("nobody")
    assert "0 of 0" in nobody.get("/incident_list.do").text
    assert nobody.get(f"/incident.do?sys_id={INCIDENT}").status_code == 404


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/incident.do?sys_id=nope", 404),
        ("/incident.do", 404),
        ("/nothing.do?sys_id=x", 400),
        ("/nothing_list.do", 400),
        ("/sys_attachment.do?sys_id=nope", 404),
    ],
)
def test_what_is_not_there_is_a_page(browser: "httpx.Client", path: str, status: int) -> None:
    """An error in words, with its status."""
    answer = browser.get(path)
    assert (answer.status_code, answer.headers["content-type"]) == (
        status, "text/html; charset=utf-8",
    )  # fmt: skip


@pytest.mark.parametrize(
    "target",
    ["//evil.example", "https://evil.example/a.do", "/\\evil.example", "javascript:alert(1)",
     "incident.do@evil.example", "/a.do?x\\y", ""],
)  # fmt: skip
def test_no_link_leads_elsewhere(sign_in: "SignIn", target: str) -> None:
    """Neither after signing in nor from the frame's address."""
    person = sign_in()
    form = {"user_name": "admin", "user_password": "admin"}
    signed_in = person.post("/login.do", params={"next": target}, data=form)
    assert (signed_in.status_code, signed_in.headers["location"]) == (303, "/")
    assert person.get("/nav_to.do", params={"uri": target}).headers["location"] == "/"


def test_logging_out_ends_the_session(simulator: Simulator, browser: "httpx.Client") -> None:
    """The cookie is worth nothing afterwards; a fault strikes pages, too."""
    cookie = browser.cookies["glide_user_session"]
    simulator.faults.add(faults.unavailable())
    assert browser.get("/incident_list.do").status_code == 503
    browser.get("/logout.do")
    browser.cookies.set("glide_user_session", cookie)
    assert "Log in" in browser.get("/incident_list.do").text


def test_a_page_is_in_the_readers_language(sign_in: "SignIn") -> None:
    """Labels, choices and dates."""
    page = sign_in("gerda.schmidt").get(f"/incident.do?sys_id={INCIDENT}").text
    assert '<html lang="de">' in page
    assert ">Dringlichkeit<" in page
    assert "In Bearbeitung" in page


def test_a_person_works_on_a_ticket(
    simulator: Simulator, admin: "httpx.Client", browser: "httpx.Client"
) -> None:
    """Assigned, put on hold, resolved, reopened, commented; what rules refuse says why."""
    path = f"/incident.do?sys_id={INCIDENT}"
    page = browser.get(path)
    for name in ("state", "assigned_to", "close_code", "comments", "work_notes"):
        assert f'name="{name}"' in page.text
    page = browser.post(path, data={"assigned_to": "Beth Anglin", "state": "In Progress"})
    assert page.status_code == 200
    assert "Beth Anglin" in page.text
    browser.post(path, data={"state": "", "comments": EVIL, "work_notes": "Inside"})
    assert {entry["value"] for entry in simulator.records("sys_journal_field")
            if entry["element_id"] == INCIDENT} >= {EVIL, "Inside"}  # fmt: skip
    assert EVIL not in browser.get(path).text
    refused = browser.post(path, data={"state": "Resolved"})
    assert refused.status_code == 403
    assert "mandatory" in refused.text.lower()
    resolved = {"state": "Resolved", "close_code": "Solution provided", "close_notes": "Done"}
    assert browser.post(path, data=resolved).status_code == 200
    assert simulator.one("incident", sys_id=INCIDENT)["state"] == "6"
    browser.post(path, data={"state": "In Progress", "sys_id": "x", "number": "INC1"})
    row = simulator.one("incident", sys_id=INCIDENT)
    assert (row["state"], row["number"], row["sys_updated_by"]) == ("2", "INC0000001", "admin")


@pytest.mark.parametrize(("answer", "state"), [("Approved", "-3"), ("Rejected", "-5")])
def test_a_person_decides_about_a_change(
    simulator: Simulator, admin: "httpx.Client", browser: "httpx.Client", answer: str, state: str
) -> None:
    """From the change's page to its approval, by two buttons, with words; decided, they go."""
    made = admin.post("/api/now/table/change_request", json={"short_description": "x"}).json()
    change = made["result"]["sys_id"]
    browser.post(f"/change_request.do?sys_id={change}", data={"state": "Assess"})
    approval = simulator.one("sysapproval_approver", sysapproval=change)["sys_id"]
    path = f"/sysapproval_approver.do?sys_id={approval}"
    assert path.partition("/")[2] in browser.get(f"/change_request.do?sys_id={change}").text
    page = browser.get(path)
    assert all(f">{button}<" in page.text for button in ("Approve", "Reject"))
    page = browser.post(path, data={"state": answer, "comments": "As agreed"})
    assert "As agreed" in page.text
    assert ">Approve<" not in page.text
    assert simulator.one("change_request", sys_id=change)["state"] == state


def test_who_has_not_signed_in_changes_nothing(simulator: Simulator, sign_in: "SignIn") -> None:
    """A form that comes from nobody leads to the sign-in."""
    before = simulator.one("incident", sys_id=INCIDENT)
    path = f"/incident.do?sys_id={INCIDENT}"
    answer = sign_in().post(path, data={"state": "In Progress", "urgency": "1"})
    assert (answer.status_code, "login.do" in answer.headers["location"]) == (302, True)
    assert simulator.one("incident", sys_id=INCIDENT) == before
