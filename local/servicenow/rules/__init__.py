"""What an instance does with a write besides storing it, table by table."""

from collections.abc import Callable

from . import change, incident, others, problem, security_incident
from .permissions import check_write, may_read
from .policies import check_business_rules, check_policies
from .write import Write

__all__ = [
    "AFTER",
    "BEFORE",
    "Write",
    "check_business_rules",
    "check_policies",
    "check_write",
    "may_read",
]

Rule = Callable[[Write], None]

# What completes or refuses a record before it is stored.
BEFORE: dict[str, Rule] = {
    "incident": incident.before,
    "problem": problem.before,
    "problem_task": problem.before_task,
    "change_request": change.before,
    "change_task": change.before_task,
    "sn_si_incident": security_incident.before,
    "sc_request": others.before_request,
    "sc_req_item": others.before_catalog_task,
    "sc_task": others.before_catalog_task,
    "sys_user": others.before_user,
}
# What follows once it is stored.
AFTER: dict[str, Rule] = {
    "change_request": change.after,
    "sysapproval_approver": change.after_approval,
    "em_event": others.after_event,
}
