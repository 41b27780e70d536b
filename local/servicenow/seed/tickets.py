"""Incidents, problems and changes."""

from typing import TYPE_CHECKING

from ..rules.change import template_values
from ..rules.task import PRIORITY
from .ids import sys_id

if TYPE_CHECKING:
    from ..instance import Instance

_INCIDENTS = (
    ("Can't read email", "Software", "2", "1", "1"),
    ("Network file shares access issue", "Network", "3", "1", "1"),
    ("Wireless access is down in my area", "Network", "2", "1", "1"),
    ("Forgot email password", "Service Desk", "1", "3", "3"),
    ("CPU load high for over 10 minutes", "Hardware", "7", "1", "1"),
    ("Hang when trying to print VISIO document", "Software", "2", "3", "2"),
    ("Employee payroll application server is down", "Database", "1", "1", "1"),
)
_MORE_INCIDENTS = (
    "SAP Financial Accounting application appears to be down",
    "Printer in my office is out of toner",
    "Performance problems with wifi", "Rain is leaking on main DNS Server", "Reset my password",
    "Unable to post content on a Wiki page", "Customer didn't receive eFax", "My computer is slow",
    "Cannot sign into the company portal app", "Getting blue screen when trying to boot",
)  # fmt: skip
_PROBLEMS = (
    ("Unable to send or receive emails.", "software", "email", "101"),
    ("Switch occasionally drops connections", "network", "", "102"),
    ("Memory leak in the order service", "software", "", "103"),
    ("Disk of the payroll server fills up", "hardware", "disk", "104"),
    ("Wireless outages in building 2", "network", "wireless", "106"),
    ("Windows update removes the VPN client", "software", "", "107"),
    ("Oracle instance refuses connections at month's end", "database", "oracle", "101"),
    ("Mail queue grows on Mondays", "inquiry", "email", "101"),
    ("Slow name resolution in Berlin", "network", "dns", "102"),
    ("Print jobs vanish", "hardware", "", "101"),
    ("Session lost after sign-in", "software", "", "103"),
    ("Nightly export takes until noon", "database", "", "101"),
)
_ARTICLES = (
    ("Mail queue grows", "Restart the relay of the affected zone; the queue empties by itself."),
    ("Oracle refuses connections", "Raise the number of processes before the month ends."),
)
# Standard change templates: what identifies them, short description, what they fill in.
_TEMPLATES = (
    (
        "template", "Deploy a service", "Deploy a service by the standard procedure",
        {"category": "DevOps", "risk": "4", "implementation_plan": "Deploy zone by zone."},
    ),
    (
        "template Clear BGP sessions on a Cisco router",
        "Clear BGP sessions on a Cisco router", "Clear BGP sessions on a Cisco router",
        {
            "category": "Network", "risk": "4", "impact": "3", "priority": "4",
            "description": "Resend the complete BGP table to neighboring routers",
            "implementation_plan": "Clear the sessions one neighbor at a time.",
        },
    ),
    (
        "template Add network switch to datacenter cabinet",
        "Add network switch to datacenter cabinet", "Add network switch to cabinet",
        {"category": "Network", "risk": "4", "description": "Rack, cable and set up a switch"},
    ),
)  # fmt: skip
_NUMBER_OF_CHANGES = 20


def fill(instance: "Instance") -> None:
    """Put a few tickets in, and what changes are made from."""
    for kind in ("normal", "standard", "emergency"):
        instance.put(
            "chg_model",
            sys_id=sys_id(f"model {kind}"),
            name=kind.capitalize(),
            default_change_type=kind,
            description=f"The model of {kind} changes",
        )
    for key, name, text, values in _TEMPLATES:
        instance.put(
            "std_change_record_producer",
            sys_id=sys_id(key),
            name=name,
            short_description=text,
            template_value="^".join(f"{field}={value}" for field, value in values.items()),
            category="DevOps",
        )
        instance.put(
            "std_change_producer_version",
            sys_id=sys_id(f"{key} version 1"),
            name=f"{name} - 1",
            version="1",
            std_change_producer=sys_id(key),
        )
    for number, (text, group, state, impact, urgency) in enumerate(_INCIDENTS, start=1):
        _put_incident(instance, number, text, group, (state, impact, urgency))
    for number, problem in enumerate(_PROBLEMS, start=1):
        _put_problem(instance, number, *problem)
    for number, (title, text) in enumerate(_ARTICLES, start=1):
        instance.put(
            "kb_knowledge",
            sys_id=sys_id(f"article {number}"),
            number=f"KB{number:07d}",
            short_description=title,
            text=f"<p>{text}</p>",
            workflow_state="published",
        )
    instance.put(
        "change_request",
        sys_id=sys_id("change 1"),
        number="CHG0000001",
        short_description="Roll back the Windows update",
        type="normal",
        chg_model=sys_id("model normal"),
        state="-5",
        risk="3",
        assignment_group=sys_id("Software"),
    )


def fill_more(instance: "Instance") -> None:
    """Put as many tickets in as a developer instance has."""
    first = len(_INCIDENTS) + 1
    groups = ("Network", "Software", "Hardware", "Service Desk", "Database")
    for number in range(first, 68):
        text = _MORE_INCIDENTS[number % len(_MORE_INCIDENTS)]
        levels = (str(number % 3 + 1), str(number // 3 % 3 + 1))
        state = ("1", "2", "2", "3", "6", "7")[number % 6]
        _put_incident(instance, number, text, groups[number % len(groups)], (state, *levels))
    version = instance.find("std_change_producer_version", sys_id(f"{_TEMPLATES[0][0]} version 1"))
    for number in range(2, _NUMBER_OF_CHANGES + 2):
        kind = ("normal", "standard", "emergency")[number % 3]
        own = template_values(instance, version) if kind == "standard" and version else {}
        change = instance.put(
            "change_request",
            **{
                "short_description": f"Reboot the Windows servers, part {number}",
                **own,
                "sys_id": sys_id(f"change {number}"),
                "number": f"CHG{number:07d}",
                "type": kind,
                "chg_model": sys_id(f"model {kind}"),
                "state": ("-5", "-4", "-2", "-1", "0", "3")[number % 6],
                "assignment_group": sys_id(groups[number % len(groups)]),
                "requested_by": sys_id("user david.loo"),
            },
        )
        for step in ("implementation", "testing"):
            instance.put(
                "change_task",
                sys_id=sys_id(f"change {number} {step}"),
                change_request=change["sys_id"],
                parent=change["sys_id"],
                change_task_type=step,
                short_description=step.capitalize(),
            )


def _put_incident(
    instance: "Instance", number: int, text: str, group: str, levels: tuple[str, str, str]
) -> None:
    caller = sys_id("user abel.tuter")
    state, impact, urgency = levels
    over = state in {"6", "7"}
    codes = instance.choice_labels("incident", "close_code")
    closed = {"close_code": next(reversed(codes), ""), "close_notes": "Done."} if over else {}
    if "Solution provided" in codes and over:
        closed["close_code"] = "Solution provided"
    instance.put(
        "incident",
        sys_id=sys_id(f"incident {number}"),
        number=f"INC{number:07d}",
        short_description=text,
        assignment_group=sys_id(group),
        caller_id=caller,
        opened_by=caller,
        opened_at=instance.now(),
        state=state,
        incident_state=state,
        impact=impact,
        urgency=urgency,
        priority=PRIORITY[impact, urgency],
        category="inquiry",
        active="false" if state == "7" else "true",
        **closed,
    )


def _put_problem(  # noqa: PLR0917 - one line of the table above
    instance: "Instance", number: int, text: str, category: str, subcategory: str, state: str
) -> None:
    over = state in {"106", "107"}
    solved = {
        "resolution_code": "fix_applied", "cause_notes": "Found.", "fix_notes": "Fixed.",
    }  # fmt: skip
    instance.put(
        "problem",
        sys_id=sys_id(f"problem {number}"),
        number=f"PRB{number:07d}",
        short_description=text,
        description=text,
        category=category,
        subcategory=subcategory,
        state=state,
        problem_state=state,
        priority="5",
        assigned_to="" if state == "101" else sys_id("user problem.manager"),
        opened_by=sys_id("user problem.coordinator"),
        opened_at=instance.now(),
        active="false" if state == "107" else "true",
        **(solved if over else {}),
    )
