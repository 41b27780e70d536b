"""The update set of integrations/servicenow, made from its script, and what the script sends.

Elements and names are those of exported update sets: `sys_remote_update_set`, and for each record
one `sys_update_xml` whose payload is the record itself. Fixed sys_ids make a second import an
update. It holds neither the address nor the secret.
"""

import base64
import hashlib
import hmac
from pathlib import Path
from xml.etree import ElementTree as ET

FOLDER = Path(__file__).parent.parent / "integrations/servicenow"
FILE = FOLDER / "actionsync-push.xml"
_MOMENT = "2026-11-26 00:00:00"
_NAME = "ActionSync push"
_OURS = "correlation_idSTARTSWITHactionsync-^EQ"
_TICKETS = ("incident", "change_request", "problem")
_SAY = (
    "(function executeRule(current, previous) {{\n"
    "    new ActionSyncPush().say({}, {});\n"
    "}})(current, previous);\n"
)


def signed(secret: str, body: str, seconds: int) -> dict[str, str]:
    """Return the headers with which the update set's script sends a push.

    Args:
        secret: the webhook's secret.
        body: what is pushed.
        seconds: when, in epoch seconds.
    """
    signature = hmac.digest(secret.encode(), f"{seconds}.{body}".encode(), "sha256")
    return {
        "content-type": "application/json",
        "x-actionsync-timestamp": str(seconds),
        "x-actionsync-signature": base64.b64encode(signature).decode(),
    }


def _sys_id(name: str) -> str:
    return hashlib.sha256(f"actionsync push {name}".encode()).hexdigest()[:32]


def _element(parent: ET.Element, name: str, text: str = "") -> None:
    ET.SubElement(parent, name).text = text or None


def _record(table: str, name: str, values: dict[str, str]) -> tuple[str, str, str, str]:
    """Return a record's table, name and sys_id, and the payload that holds it."""
    sys_id = _sys_id(f"{table} {name}")
    root = ET.Element("record_update", table=table)
    record = ET.SubElement(root, table, action="INSERT_OR_UPDATE")
    system = {
        "sys_class_name": table, "sys_created_by": "admin", "sys_created_on": _MOMENT,
        "sys_id": sys_id, "sys_mod_count": "0", "sys_name": name, "sys_package": "global",
        "sys_policy": "", "sys_scope": "global", "sys_update_name": f"{table}_{sys_id}",
        "sys_updated_by": "admin", "sys_updated_on": _MOMENT,
    }  # fmt: skip
    for column, text in sorted({**values, **system}.items()):
        _element(record, column, text)
    payload = '<?xml version="1.0" encoding="UTF-8"?>' + ET.tostring(root, encoding="unicode")
    return table, name, sys_id, payload


def _rule(
    table: str, *, condition: str, say: tuple[str, str], on_update_only: bool
) -> tuple[str, str, str, str]:
    others = "false" if on_update_only else "true"
    return _record(
        "sys_script",
        f"{_NAME}: {table}",
        {
            "action_delete": others, "action_insert": others, "action_query": "false",
            "action_update": "true", "active": "true", "advanced": "true", "collection": table,
            "condition": "", "filter_condition": condition, "name": _NAME, "order": "1000",
            "script": _SAY.format(*say), "when": "async",
            "description": "Asks ActionSync to look at a ticket that it has made.",
        },
    )  # fmt: skip


def records() -> list[tuple[str, str, str, str]]:
    """Return what the update set holds: table, name, sys_id and payload of each record."""
    script = (FOLDER / "push.js").read_text()
    include = _record(
        "sys_script_include",
        "ActionSyncPush",
        {
            "access": "package_private", "active": "true", "api_name": "global.ActionSyncPush",
            "client_callable": "false", "name": "ActionSyncPush", "script": script,
            "description": "Asks ActionSync to look at a ticket that changed.",
        },
    )  # fmt: skip
    tickets = [
        _rule(
            table,
            condition=_OURS,
            say=("current.getTableName()", "current.getUniqueValue()"),
            on_update_only=False,
        )
        for table in _TICKETS
    ]
    approval = _rule(
        "sysapproval_approver",
        condition=f"stateVALCHANGES^sysapproval.{_OURS}",
        say=("'change_request'", "current.getValue('sysapproval')"),
        on_update_only=True,
    )
    return [include, *tickets, approval]


def update_set() -> str:
    """Return the update set as a file."""
    remote = _sys_id("update set")
    root = ET.Element("unload", unload_date=_MOMENT)
    header = ET.SubElement(root, "sys_remote_update_set", action="INSERT_OR_UPDATE")
    for name, text in {
        "application": "global", "application_name": "Global", "application_scope": "global",
        "application_version": "", "collisions": "", "commit_date": "", "deleted": "",
        "description": "Tells ActionSync within seconds which of its tickets changed.",
        "inserted": "", "name": _NAME, "origin_sys_id": "", "parent": "", "release_date": "",
        "remote_base_update_set": "", "remote_parent_id": "", "remote_sys_id": _sys_id("remote"),
        "state": "loaded", "summary": "", "sys_class_name": "sys_remote_update_set",
        "sys_created_by": "admin", "sys_created_on": _MOMENT, "sys_id": remote,
        "sys_mod_count": "0", "sys_updated_by": "admin", "sys_updated_on": _MOMENT,
        "update_set": "", "update_source": "", "updated": "",
    }.items():  # fmt: skip
        _element(header, name, text)
    kinds = {"sys_script": "Business Rule", "sys_script_include": "Script Include"}
    for table, name, sys_id, payload in records():
        update = ET.SubElement(root, "sys_update_xml", action="INSERT_OR_UPDATE")
        collection = name.partition(": ")[2]
        for column, text in {
            "action": "INSERT_OR_UPDATE", "application": "global", "category": "customer",
            "comments": "", "name": f"{table}_{sys_id}", "payload": payload, "payload_hash": "",
            "remote_update_set": remote, "replace_on_upgrade": "false",
            "sys_created_by": "admin", "sys_created_on": _MOMENT,
            "sys_id": _sys_id(f"update {name}"), "sys_mod_count": "0",
            "sys_recorded_at": "", "sys_updated_by": "admin", "sys_updated_on": _MOMENT,
            "table": collection, "target_name": name, "type": kinds[table],
            "update_domain": "global", "update_guid": "", "update_set": "", "view": "",
        }.items():  # fmt: skip
            _element(update, column, text)
    ET.indent(root, " ")
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(root, encoding="unicode") + "\n"


if __name__ == "__main__":
    FILE.write_text(update_set())
