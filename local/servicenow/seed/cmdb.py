"""Configuration items and how they are related."""

from typing import TYPE_CHECKING

from .ids import sys_id

if TYPE_CHECKING:
    from ..instance import Instance

_SERVICES = ("Checkout", "Payments", "SAP Sales and Distribution", "Email")
_SERVERS = {
    "cmdb_ci_linux_server": ("lnux100", "lnux101", "lnux102"),
    "cmdb_ci_win_server": ("ApplicationServerPeopleSoft", "Exchange-HQ-02"),
    "cmdb_ci_database": ("Orders DB",),
    "cmdb_ci_netgear": ("ny8500-nbxs08",),
}
_RELATIONS = (
    ("Depends on", "Used by"), ("Runs on", "Runs"), ("Cools", "Cooled By"),
    ("Connects to", "Connected by"), ("Contains", "Contained by"), ("Members", "Member of"),
    ("Hosted on", "Hosts"),
)  # fmt: skip


def fill(instance: "Instance") -> None:
    """Put configuration items in."""
    for name in _SERVICES:
        instance.put(
            "cmdb_ci_service", sys_id=sys_id(name), name=name, operational_status="1",
            busines_criticality="1 - most critical",
        )  # fmt: skip
    number = 0
    for table, names in _SERVERS.items():
        for name in names:
            number += 1
            instance.put(
                table,
                sys_id=sys_id(name),
                name=name,
                short_description=f"{name} in the San Diego data center",
                serial_number=f"ACM-{number:03d}-X{10800 + number}-NO",
                asset_tag=f"P100{number:04d}",
                correlation_id=f"acme:{name.lower()}",
                ip_address=f"10.0.0.{number}",
                company=sys_id("company"),
                location=sys_id("location"),
            )
    for parent, child in _RELATIONS:
        name = f"{parent}::{child}"
        instance.put(
            "cmdb_rel_type", sys_id=sys_id(f"relation {name}"), name=name,
            parent_descriptor=parent, child_descriptor=child,
        )  # fmt: skip
    for parent, child in (
        ("Checkout", "lnux100"),
        ("Payments", "lnux101"),
        ("Payments", "Orders DB"),
    ):
        instance.put(
            "cmdb_rel_ci",
            sys_id=sys_id(f"relation {parent} {child}"),
            parent=sys_id(parent),
            child=sys_id(child),
            type=sys_id("relation Depends on::Used by"),
        )
