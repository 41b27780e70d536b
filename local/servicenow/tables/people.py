"""Users, groups and roles, and where they belong."""

from ..schema import Column
from .columns import choice, choices, date, flag, integer, named, ref, table, text

_USER_ADMINS = ("user_admin",)

TABLES = (
    named("core_company", "Company", text("city", "City", 50), text("country", "Country", 40)),
    named(
        "cmn_location", "Location",
        text("street", "Street", 255), text("city", "City", 40), text("country", "Country", 40),
        text("time_zone", "Time zone", 40), ref("parent", "Parent", "cmn_location"),
    ),
    named(
        "cmn_department", "Department",
        text("id", "ID", 40), text("description", "Description", 1000),
        ref("dept_head", "Department head", "sys_user"),
        ref("primary_contact", "Primary contact", "sys_user"),
        ref("company", "Company", "core_company"), ref("parent", "Parent", "cmn_department"),
    ),
    named("cmn_cost_center", "Cost Center", text("code", "Account number", 40)),
    table(
        "sys_user", "User",
        text("user_name", "User ID", 40), Column("user_password", "Password", "password"),
        text("first_name", "First name", 50), text("middle_name", "Middle name", 50),
        text("last_name", "Last name", 50), text("name", "Name", 151),
        text("introduction", "Prefix", 40), text("email", "Email", 100),
        flag("active", "Active", "true"), flag("locked_out", "Locked out"),
        flag("vip", "VIP"), flag("web_service_access_only", "Web service access only"),
        flag("internal_integration_user", "Internal Integration User"),
        flag("password_needs_reset", "Password needs reset"),
        flag("enable_multifactor_authn", "Enable Multifactor Authentication"),
        text("title", "Title", 60), text("employee_number", "Employee number", 40),
        text("phone", "Business phone", 40), text("mobile_phone", "Mobile phone", 40),
        text("home_phone", "Home phone", 40), text("gender", "Gender", 40),
        text("street", "Street", 255), text("city", "City", 40), text("state", "State", 40),
        text("zip", "Zip", 40), text("country", "Country code", 3),
        choice("preferred_language", "Language"), text("time_zone", "Time zone", 40),
        text("time_format", "Time format", 40), text("date_format", "Date format", 40),
        choice("notification", "Notification", "2"),
        choice("calendar_integration", "Calendar integration", "1"),
        integer("failed_attempts", "Failed login attempts"), text("source", "Source", 255),
        text("photo", "Photo", 40), text("roles", "Roles", 40),
        text("sys_class_name", "Class", 80, "sys_user"),
        date("last_login_time", "Last login time"), date("last_login", "Last login"),
        text("last_login_device", "Last login device", 40),
        ref("department", "Department", "cmn_department"),
        ref("location", "Location", "cmn_location"), ref("company", "Company", "core_company"),
        ref("manager", "Manager", "sys_user"), ref("cost_center", "Cost center", "cmn_cost_center"),
        ref("building", "Building", "cmn_location"), ref("schedule", "Schedule", "cmn_schedule"),
        ref("sys_domain", "Domain", "sys_user_group", "global"),
        text("sys_domain_path", "Domain Path", 255, "/"),
        display="name", writers=_USER_ADMINS, deleters=_USER_ADMINS,
    ),
    named("cmn_schedule", "Schedule", text("time_zone", "Time zone", 40)),
    named(
        "sys_user_group", "Group",
        text("description", "Description", 1000), flag("active", "Active", "true"),
        ref("manager", "Manager", "sys_user"), ref("parent", "Parent", "sys_user_group"),
        text("email", "Group email", 100), text("type", "Type", 1024),
        text("source", "Source", 255), text("roles", "Roles", 40),
        ref("cost_center", "Cost center", "cmn_cost_center"),
        ref("default_assignee", "Default assignee", "sys_user"),
        flag("include_members", "Include members"), flag("exclude_manager", "Exclude manager"),
        writers=_USER_ADMINS, deleters=_USER_ADMINS,
    ),
    table(
        "sys_user_grmember", "Group Member",
        ref("user", "User", "sys_user"), ref("group", "Group", "sys_user_group"),
        display="user", writers=_USER_ADMINS, deleters=_USER_ADMINS,
    ),
    named(
        "sys_user_role", "Role",
        text("description", "Description", 1000), flag("elevated_privilege", "Elevated privilege"),
        extends="sys_metadata",
    ),
    table(
        "sys_user_has_role", "User Role",
        ref("user", "User", "sys_user"), ref("role", "Role", "sys_user_role"),
        text("state", "State", 40, "active"), flag("inherited", "Inherited"),
        display="role", readers=("itil", "user_admin"), writers=_USER_ADMINS,
        deleters=_USER_ADMINS,
    ),
    table(
        "sys_group_has_role", "Group Role",
        ref("group", "Group", "sys_user_group"), ref("role", "Role", "sys_user_role"),
        flag("inherits", "Inherits", "true"),
        display="role", readers=("itil",), writers=_USER_ADMINS, deleters=_USER_ADMINS,
    ),
)  # fmt: skip

CHOICES = (
    choices(
        "sys_user", "preferred_language",
        {"en": "English", "de": "German", "ja": "Japanese"},
    ),
    choices("sys_user", "notification", {"1": "Disable", "2": "Enable"}),
    choices("sys_user", "calendar_integration", {"1": "Outlook", "2": "None"}),
)  # fmt: skip
