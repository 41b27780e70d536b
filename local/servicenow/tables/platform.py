"""Tables of the platform itself: dictionary, choices, policies, rules, properties, log."""

from ..schema import Column
from .columns import date, flag, integer, named, ref, table, text

_ADMINS = ("admin",)
_DICTIONARY = ("personalize_dictionary",)

TABLES = (
    table(
        "sys_metadata", "Application File",
        text("sys_class_name", "Class", 80), text("sys_name", "Display name", 255),
        text("sys_scope", "Application", 32, "global"),
        display="sys_name",
    ),
    table(
        "sys_choice", "Choice",
        text("name", "Table", 80), text("element", "Element", 80),
        text("value", "Value", 40), text("label", "Label", 255),
        integer("sequence", "Sequence"), flag("inactive", "Inactive"),
        text("language", "Language", 10, "en"), text("dependent_value", "Dependent value", 40),
        text("hint", "Hint", 255),
        display="label", extends="sys_metadata", writers=("personalize_choices",),
    ),
    table(
        "sys_dictionary", "Dictionary Entry",
        text("name", "Table", 80), text("element", "Column name", 80),
        text("column_label", "Column label", 80), text("internal_type", "Type", 40),
        text("reference", "Reference", 80), integer("max_length", "Max length"),
        text("default_value", "Default value", 255),
        flag("mandatory", "Mandatory"), flag("active", "Active", "true"),
        flag("read_only", "Read only"), flag("display", "Display"), text("choice", "Choice", 10),
        display="element", extends="sys_metadata", readers=_DICTIONARY,
    ),
    table(
        "sys_documentation", "Field Label",
        text("name", "Table", 80), text("element", "Element", 80), text("label", "Label", 80),
        text("plural", "Plural", 80), text("language", "Language", 10, "en"),
        text("hint", "Hint", 255),
        display="label", extends="sys_metadata",
    ),
    table(
        "sys_db_object", "Table",
        text("name", "Name", 80), text("label", "Label", 80),
        ref("super_class", "Extends table", "sys_db_object"),
        flag("is_extendable", "Extensible", "true"),
        display="label", extends="sys_metadata",
    ),
    table(
        "sys_data_policy2", "Data Policy",
        text("model_table", "Table", 80), text("short_description", "Short description", 100),
        text("conditions", "Conditions"), flag("active", "Active", "true"),
        display="short_description", extends="sys_metadata", readers=_DICTIONARY,
    ),
    table(
        "sys_data_policy_rule", "Data Policy Rule",
        ref("sys_data_policy", "Data policy", "sys_data_policy2"),
        text("table", "Table", 80), text("field", "Field", 80), text("mandatory", "Mandatory", 10),
        text("disabled", "Read only", 10, "ignore"),
        display="field", extends="sys_metadata", readers=_DICTIONARY,
    ),
    named(
        "sys_script", "Business Rule",
        text("collection", "Table", 80), flag("active", "Active", "true"),
        text("when", "When", 20, "before"), integer("order", "Order", "100"),
        flag("action_insert", "Insert"), flag("action_update", "Update"),
        flag("action_delete", "Delete"), flag("action_query", "Query"),
        flag("abort_action", "Abort action"), flag("add_message", "Add message"),
        text("message", "Message"), text("filter_condition", "Filter Conditions"),
        text("condition", "Condition", 254), text("script", "Script", 8000),
        text("description", "Description"),
        extends="sys_metadata", readers=("business_rule_admin",), writers=("business_rule_admin",),
        deleters=("business_rule_admin",),
    ),
    table(
        "sys_properties", "System Property",
        text("name", "Name", 100), text("value", "Value", 4000),
        text("description", "Description", 512), text("type", "Type", 40, "string"),
        display="name", extends="sys_metadata", readers=_ADMINS,
    ),
    table(
        "sys_filter_option_dynamic", "Dynamic Filter Options",
        text("label", "Label", 80), text("script", "Script", 1000),
        display="label", extends="sys_metadata",
    ),
    named(
        "sys_plugins", "System Plugin",
        text("source", "ID", 255), text("active", "Status", 20, "active"),
        readers=_ADMINS,
    ),
    named(
        "oauth_entity", "Application Registry",
        text("client_id", "Client ID", 40),
        Column("client_secret", "Client Secret", "encrypted", length=255),
        flag("active", "Active", "true"),
        readers=("oauth_admin",), writers=("oauth_admin",), deleters=("oauth_admin",),
    ),
    table(
        "syslog", "Log Entry",
        text("level", "Level", 40, "0"), text("message", "Message"), text("source", "Source", 100),
        display="message", readers=_ADMINS,
    ),
    table(
        "sys_journal_field", "Journal Entry",
        text("name", "Table", 80), text("element", "Element", 80),
        text("element_id", "Element ID", 32), text("value", "Value", 4000),
        display="sys_id", readers=("itil",),
    ),
    table(
        "sys_attachment", "Attachment",
        text("file_name", "File name", 100), text("table_name", "Table name", 80),
        text("table_sys_id", "Table sys ID", 32), text("content_type", "Content type", 255),
        text("size_bytes", "Size bytes", 40), text("size_compressed", "Size compressed", 40),
        flag("compressed", "Compressed"), text("chunk_size_bytes", "Chunk size bytes", 40),
        text("state", "State", 40), text("hash", "Hash", 64),
        text("average_image_color", "Average image color", 20),
        text("image_height", "Image height", 20), text("image_width", "Image width", 20),
        display="file_name", writers=("itil",), deleters=("itil",),
    ),
    table(
        "sys_attachment_attribute", "Attachment Attribute",
        ref("attachment", "Attachment", "sys_attachment"), text("key", "Key", 100),
        text("value", "Value", 1000),
        display="key", writers=("itil",), deleters=("itil",),
    ),
    table(
        "sys_tiny_url", "Tiny URL",
        text("tiny_url", "Tiny URL", 40), text("url", "URL", 65000),
        date("last_used", "Last used"),
        display="tiny_url", readers=_ADMINS,
    ),
)  # fmt: skip
