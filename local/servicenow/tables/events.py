"""Event Management: events as monitoring sends them, and the alerts that come of them."""

from .columns import choice, choices, date, integer, ref, table, text

_WRITERS = ("evt_mgmt_integration", "evt_mgmt_admin", "evt_mgmt_operator")

TABLES = (
    table(
        "em_alert", "Alert",
        text("number", "Number", 40), text("source", "Source", 100), text("node", "Node", 100),
        text("type", "Type", 100), text("resource", "Resource", 100),
        text("metric_name", "Metric Name", 100), text("event_class", "Source instance", 100),
        choice("severity", "Severity"), choice("state", "State", "Open"),
        text("description", "Description", 4000),
        text("additional_info", "Additional information"),
        text("message_key", "Message key", 1024), integer("event_count", "Event count", "0"),
        date("initial_event_time", "Initial event time"),
        date("last_event_time", "Last event time"),
        ref("cmdb_ci", "Configuration item", "cmdb_ci"), ref("incident", "Task", "incident"),
        display="number", number=("Alert", 10001), readers=_WRITERS, writers=_WRITERS,
    ),
    table(
        "em_event", "Event",
        text("source", "Source", 100), text("node", "Node", 100), text("type", "Type", 100),
        text("resource", "Resource", 100), text("metric_name", "Metric Name", 100),
        text("event_class", "Source instance", 100), choice("severity", "Severity"),
        choice("state", "State", "Ready"), choice("resolution_state", "Resolution state", "New"),
        text("description", "Description", 4000),
        text("additional_info", "Additional information"),
        text("message_key", "Message key", 1024), date("time_of_event", "Time of event"),
        text("ci_type", "CI type", 80), text("ci_identifier", "CI identifier"),
        text("bucket", "Bucket", 40, "0"), text("processing_notes", "Processing Notes"),
        text("error_msg", "Error message"),
        ref("alert", "Alert", "em_alert"), ref("cmdb_ci", "Configuration item", "cmdb_ci"),
        display="source", readers=_WRITERS, writers=_WRITERS,
    ),
)  # fmt: skip

_SEVERITIES = {
    "0": "Clear", "1": "Critical", "2": "Major", "3": "Minor", "4": "Warning", "5": "Info",
}  # fmt: skip

CHOICES = (
    choices("em_event", "severity", _SEVERITIES),
    choices("em_alert", "severity", _SEVERITIES),
    choices(
        "em_event", "state",
        {"Ready": "Ready", "Processed": "Processed", "Ignored": "Ignored", "Error": "Error"},
    ),
    choices("em_event", "resolution_state", {"New": "New", "Closing": "Closing"}),
    choices(
        "em_alert", "state",
        {"Open": "Open", "Reopen": "Reopen", "Flapping": "Flapping", "Closed": "Closed"},
    ),
)  # fmt: skip
