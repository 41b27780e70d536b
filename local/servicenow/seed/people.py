"""Users, groups and roles."""

from typing import TYPE_CHECKING

from ..access import Application
from .ids import sys_id

if TYPE_CHECKING:
    from ..instance import Instance

INTEGRATION_USER = "actionsync.integration"
# The simulator's users who can sign in, with made-up passwords and their roles.
USERS = {
    "admin": ("admin", ("admin",), "System Administrator"),
    INTEGRATION_USER: (
        "integration-password",
        (
            "itil",
            "sn_change_write",
            "snc_platform_rest_api_access",
            "sn_si.integration_user",
            "evt_mgmt_integration",
        ),
        "ActionSync Integration",
    ),
    "closer": ("closer-password", ("itil", "itil_admin"), "Carla Closer"),
    "change.manager": (
        "manager-password",
        ("itil", "change_manager", "approver_user"),
        "Chris Manager",
    ),
    "reader": ("reader-password", ("sn_incident_read", "sn_change_read"), "Rita Reader"),
    "nobody": ("nobody-password", (), "Noah Body"),
    "gerda.schmidt": ("german-password", ("itil",), "Gerda Schmidt"),
    "haruka.sato": ("japanese-password", ("itil",), "Haruka Sato"),
    "mfa.user": ("mfa-password", ("itil",), "Mia Factor"),
}
# Language, time zone and date format of the users who have their own.
LANGUAGES = {
    "gerda.schmidt": ("de", "Europe/Berlin", "dd.MM.yyyy"),
    "haruka.sato": ("ja", "Asia/Tokyo", "yyyy/MM/dd"),
}
# The OAuth application for all grants, client credentials among them.
APPLICATION = Application(
    "a1b2c3d4e5f6471b8f9e0d1c2b3a4958", "oauth-secret", user_name=INTEGRATION_USER
)

PEOPLE = ("Fred Luddy", "Beth Anglin", "Abel Tuter", "David Loo", "Don Goodliffe", "Bow Ruggeri")
_MORE_PEOPLE = (
    "Natasha Ingram", "Abraham Lincoln", "Problem Admin", "Problem Manager", "Problem Coordinator",
    "Melinda Carleton", "Jewel Agresta", "Sean Bonnet", "Jacinto Gawron", "Krystle Stika",
    "Billie Cowley", "Christian Marnell", "Naomi Greenly", "Jess Assad", "Alyssa Biasotti",
    "Carol Coughlin", "Eva Seahorn", "Byron Fortuna", "Charlie Whitherspoon", "Luke Wilson",
)  # fmt: skip
_ADMINS = (
    "Fred Luddy", "Beth Anglin", "David Loo", "Don Goodliffe", "Bow Ruggeri", "Melinda Carleton",
    "Jewel Agresta", "Sean Bonnet", "Jacinto Gawron", "Krystle Stika", "Billie Cowley",
    "Christian Marnell",
)  # fmt: skip
_WITH_MOBILE = ("Natasha Ingram", "Abraham Lincoln", "Eva Seahorn")

GROUPS = ("IT Support", "Service Desk", "Network", "Database", "Software", "Hardware")
_MORE_GROUPS = {
    "DevOps Team": "Beth Anglin", "Release Management": "Bow Ruggeri",
    "Help Desk": "David Loo", "Openspace": "David Loo", "Problem Solving": "Problem Manager",
    "LDAP Admins": "Beth Anglin", "IT Securities": "Don Goodliffe",
    "IT Securities CAB": "Don Goodliffe", "IT Finance CAB": "Natasha Ingram",
    "Network CAB Managers": "Bow Ruggeri", "CAB Approval": "Bow Ruggeri",
    "Security Incident Assignment": "Don Goodliffe", "Field Services": "David Loo",
    "Incident Management": "Beth Anglin", "Change Management": "Bow Ruggeri",
}  # fmt: skip
_GROUP_ROLES = {
    "LDAP Admins": ("user_admin",), "Problem Solving": ("problem_admin",),
    "Security Incident Assignment": ("sn_si.admin", "sn_si.analyst"),
    "CAB Approval": ("approver_user",), "Change Management": ("change_manager",),
    "Incident Management": ("itil_admin",),
}  # fmt: skip
_ROLES = (
    "admin", "itil", "itil_admin", "user_admin", "problem_admin", "change_manager",
    "approver_user", "catalog_admin", "personalize", "sn_incident_read", "sn_incident_write",
    "sn_change_read", "sn_change_write", "sn_problem_read", "sn_problem_write", "sn_si.basic",
    "sn_si.analyst", "sn_si.admin", "evt_mgmt_integration", "oauth_admin", "web_service_admin",
    "import_set_loader", "import_transformer", "snc_platform_rest_api_access", "rest_service",
)  # fmt: skip


def user_name(name: str) -> str:
    """Return how a person signs in."""
    return name.lower().replace(" ", ".")


def fill(instance: "Instance") -> None:
    """Put users, groups and roles in."""
    for role in _ROLES:
        instance.put("sys_user_role", sys_id=sys_id(f"role {role}"), name=role, sys_name=role)
    instance.put("core_company", sys_id=sys_id("company"), name="ACME North America")
    instance.put("core_company", sys_id=sys_id("company Japan"), name="ACME Japan")
    instance.put("cmn_location", sys_id=sys_id("location"), name="San Diego", city="San Diego")
    instance.put("cmn_location", sys_id=sys_id("location Berlin"), name="Berlin", city="Berlin")
    for department in ("IT", "Finance", "Development", "Sales"):
        instance.put(
            "cmn_department",
            sys_id=sys_id(f"department {department}"),
            name=department,
            dept_head=sys_id("user natasha.ingram"),
        )
    _fill_users(instance)
    _fill_groups(instance)
    instance.add_application(APPLICATION)


def _fill_users(instance: "Instance") -> None:
    for name, (password, roles, full_name) in USERS.items():
        language, zone, date_format = LANGUAGES.get(name, ("", "", ""))
        own = {
            "preferred_language": language,
            "time_zone": zone,
            "date_format": date_format,
            "enable_multifactor_authn": "true" if name == "mfa.user" else "false",
        }
        if name == "admin":
            own |= {
                "email": "admin@example.com",
                "time_zone": "America/Los_Angeles",
                "department": sys_id("department Finance"),
                "internal_integration_user": "false",
            }
        instance.add_user(name, password, *roles, name=full_name, sys_id=sys_id(f"user {name}"))
        instance.change("sys_user", sys_id(f"user {name}"), **own)
    instance.add_user("guest", "", name="Guest", sys_id=sys_id("user guest"))
    instance.add_user("itil", "", "itil", name="ITIL User", sys_id=sys_id("user itil"))
    instance.add_user(
        "inactive", "inactive-password", "itil", active=False, sys_id=sys_id("user inactive")
    )
    instance.add_user(
        "sso.only", "sso-password", "itil", basic_auth=False, sys_id=sys_id("user sso.only")
    )
    # Integrations leave users without a name behind.
    instance.add_user("nameless", "", sys_id=sys_id("user nameless"))
    instance.change("sys_user", sys_id("user nameless"), name="", first_name="", last_name="")
    for name in (*PEOPLE, *_MORE_PEOPLE):
        instance.add_user(
            user_name(name),
            "",
            "itil",
            *(("admin",) if name in _ADMINS else ()),
            name=name,
            sys_id=sys_id(f"user {user_name(name)}"),
            department=sys_id("department IT"),
            company=sys_id("company"),
            location=sys_id("location"),
            mobile_phone="+1 858 555 0100" if name in _WITH_MOBILE else "",
        )


def _fill_groups(instance: "Instance") -> None:
    manager = sys_id("user change.manager")
    managers = dict.fromkeys(GROUPS, manager) | {
        group: sys_id(f"user {user_name(name)}") for group, name in _MORE_GROUPS.items()
    }
    for group, group_manager in managers.items():
        instance.put("sys_user_group", sys_id=sys_id(group), name=group, manager=group_manager)
        for role in _GROUP_ROLES.get(group, ()):
            instance.put(
                "sys_group_has_role",
                sys_id=sys_id(f"group role {group} {role}"),
                group=sys_id(group),
                role=sys_id(f"role {role}"),
            )
    # A group of the same name as an active one, left over from a reorganisation.
    instance.put(
        "sys_user_group", sys_id=sys_id("Field Services, old"), name="Field Services",
        active="false",
    )  # fmt: skip
    for group in GROUPS:
        for name in PEOPLE:
            instance.put(
                "sys_user_grmember",
                sys_id=sys_id(f"member {group} {name}"),
                user=sys_id(f"user {user_name(name)}"),
                group=sys_id(group),
            )
