"""The CMDB: configuration items of a few classes, and how they are related."""

from .columns import choice, choices, date, flag, integer, named, ref, table, text

_READERS: tuple[str, ...] = ()
_WRITERS = ("itil", "asset", "sn_cmdb_editor", "cmdb_inst_admin")

# Where CHG and INC point: fields of cmdb_ci as recordings of it show them.
_CI = (
    text("sys_class_name", "Class", 80),
    text("sys_class_path", "Sys class path", 255),
    text("short_description", "Description", 1000),
    text("asset_tag", "Asset tag", 40), text("serial_number", "Serial number", 255),
    text("correlation_id", "Correlation ID", 512), text("model_number", "Model number", 255),
    text("ip_address", "IP Address", 255), text("mac_address", "MAC Address", 18),
    text("fqdn", "Fully qualified domain name", 255), text("dns_domain", "DNS Domain", 255),
    text("category", "Category", 40), text("subcategory", "Subcategory", 40),
    choice("environment", "Environment"), choice("install_status", "Status", "1"),
    choice("operational_status", "Operational status", "1"),
    text("discovery_source", "Discovery source", 40), text("attributes", "Attributes", 65000),
    text("comments", "Comments"), integer("fault_count", "Fault count", "0"),
    flag("monitor", "Monitor"), flag("unverified", "Requires verification"),
    flag("can_print", "Can Print"), flag("skip_sync", "Skip sync"),
    date("first_discovered", "First discovered"), date("last_discovered", "Most recent discovery"),
    date("install_date", "Installed"), date("start_date", "Start date"),
    date("assigned", "Assigned"), date("due", "Due"),
    text("cost", "Cost", 20), text("po_number", "PO number", 40),
    ref("assigned_to", "Assigned to", "sys_user"), ref("owned_by", "Owned by", "sys_user"),
    ref("managed_by", "Managed by", "sys_user"), ref("supported_by", "Supported by", "sys_user"),
    ref("assignment_group", "Change Group", "sys_user_group"),
    ref("support_group", "Support group", "sys_user_group"),
    ref("managed_by_group", "Managed By Group", "sys_user_group"),
    ref("change_control", "Approval group", "sys_user_group"),
    ref("company", "Company", "core_company"), ref("manufacturer", "Manufacturer", "core_company"),
    ref("vendor", "Vendor", "core_company"), ref("department", "Department", "cmn_department"),
    ref("location", "Location", "cmn_location"), ref("duplicate_of", "Duplicate Of", "cmdb_ci"),
    ref("sys_domain", "Domain", "sys_user_group", "global"),
    text("sys_domain_path", "Domain Path", 255, "/"),
)  # fmt: skip

_COMPUTER = (
    text("os", "Operating System", 40), text("os_version", "OS Version", 100),
    text("cpu_name", "CPU name", 100), integer("cpu_count", "CPU count"),
    integer("cpu_core_count", "CPU core count"), text("ram", "RAM (MB)", 40),
    text("disk_space", "Disk space (GB)", 40), text("host_name", "Host name", 255),
    text("default_gateway", "Default Gateway", 255), flag("virtual", "Is Virtual"),
)  # fmt: skip


def _ci(name: str, label: str, extends: str, *columns: object) -> object:
    return named(name, label, *columns, extends=extends, writers=_WRITERS, deleters=_WRITERS)  # type: ignore[arg-type]


TABLES = (
    named("cmdb", "Base Configuration Item", *_CI, writers=_WRITERS, deleters=_WRITERS),
    _ci("cmdb_ci", "Configuration Item", "cmdb"),
    _ci("cmdb_ci_hardware", "Hardware", "cmdb_ci", choice("hardware_status", "Hardware status")),
    _ci("cmdb_ci_computer", "Computer", "cmdb_ci_hardware", *_COMPUTER),
    _ci(
        "cmdb_ci_server", "Server", "cmdb_ci_computer",
        text("classification", "Classification", 40), text("used_for", "Used for", 40),
        text("firewall_status", "Firewall status", 40), text("host_type", "Host type", 40),
    ),
    _ci("cmdb_ci_linux_server", "Linux Server", "cmdb_ci_server",
        text("kernel_release", "Kernel release", 100)),
    _ci("cmdb_ci_unix_server", "UNIX Server", "cmdb_ci_server"),
    _ci("cmdb_ci_win_server", "Windows Server", "cmdb_ci_server"),
    _ci("cmdb_ci_netgear", "Network Gear", "cmdb_ci_hardware",
        text("firmware_version", "Firmware version", 255)),
    _ci("cmdb_ci_vm_object", "Virtualization Object", "cmdb_ci",
        text("object_id", "Object ID", 255), text("state", "State", 40)),
    _ci(
        "cmdb_ci_vm_instance", "Virtual Machine Instance", "cmdb_ci_vm_object",
        text("vm_inst_id", "VM Instance ID", 255), text("cpus", "CPUs", 40),
        text("memory", "Memory", 40), text("disks", "Disks", 40), text("nics", "NICs", 40),
        text("guest_os_fullname", "Guest OS Fullname", 255),
    ),
    _ci("cmdb_ci_ec2_instance", "AWS EC2 Instance", "cmdb_ci_vm_instance",
        text("instance_type", "Instance Type", 40), text("placement", "Placement", 100),
        text("public_dns", "Public DNS", 255), text("private_dns", "Private DNS", 255)),
    _ci("cmdb_ci_appl", "Application", "cmdb_ci",
        text("version", "Version", 255), text("install_directory", "Installation directory", 255)),
    _ci("cmdb_ci_database", "Database", "cmdb_ci_appl", text("db_type", "Type", 40)),
    _ci("cmdb_ci_db_instance", "Database Instance", "cmdb_ci_appl"),
    _ci("cmdb_ci_lb", "Load Balancer", "cmdb_ci_netgear"),
    _ci("cmdb_ci_cloud_service_account", "Cloud Service Account", "cmdb_ci",
        text("account_id", "Account Id", 255), text("datacenter_type", "Datacenter Type", 40)),
    _ci("cmdb_ci_service", "Service", "cmdb_ci",
        choice("busines_criticality", "Business criticality"),
        text("service_classification", "Service classification", 40),
        text("used_for", "Used for", 40),
        text("version", "Version", 255)),
    _ci("cmdb_ci_service_auto", "Application Service", "cmdb_ci_service"),
    _ci("cmdb_ci_service_discovered", "Mapped Application Service", "cmdb_ci_service_auto"),
    _ci("cmdb_ci_service_business", "Business Service", "cmdb_ci_service"),
    _ci("service_offering", "Service Offering", "cmdb_ci_service"),
    named(
        "cmdb_rel_type", "CI Relationship Type",
        text("parent_descriptor", "Parent descriptor", 40),
        text("child_descriptor", "Child descriptor", 40),
    ),
    table(
        "cmdb_rel_ci", "CI Relationship",
        ref("parent", "Parent", "cmdb_ci"), ref("child", "Child", "cmdb_ci"),
        ref("type", "Type", "cmdb_rel_type"), integer("connection_strength", "Connection strength"),
        integer("percent_outage", "Percent outage"), text("port", "Port", 40),
        display="parent", readers=_READERS, writers=_WRITERS, deleters=_WRITERS,
    ),
)  # fmt: skip

CHOICES = (
    choices(
        "cmdb", "install_status",
        {
            "1": "Installed", "2": "On Order", "3": "In Maintenance", "4": "Pending Install",
            "5": "Pending Repair", "6": "In Stock", "7": "Retired", "8": "Stolen", "100": "Absent",
        },
    ),
    choices(
        "cmdb", "operational_status",
        {
            "1": "Operational", "2": "Non-Operational", "3": "Repair in Progress",
            "4": "DR Standby", "5": "Ready", "6": "Retired", "7": "Pipeline", "8": "Catalog",
        },
    ),
    choices(
        "cmdb", "environment",
        {"development": "Development", "production": "Production", "test": "Test"},
    ),
    choices(
        "cmdb_ci_service", "busines_criticality",
        {
            "1 - most critical": "1 - most critical",
            "2 - somewhat critical": "2 - somewhat critical",
            "3 - less critical": "3 - less critical", "4 - not critical": "4 - not critical",
        },
    ),
)  # fmt: skip
