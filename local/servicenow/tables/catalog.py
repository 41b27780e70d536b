"""The service catalog and what is ordered from it."""

from .columns import choice, choices, date, flag, integer, named, ref, table, text

TABLES = (
    table(
        "sc_catalog", "Catalog",
        text("title", "Title", 100), text("description", "Description", 1000),
        flag("active", "Active", "true"),
        display="title", extends="sys_metadata",
    ),
    table(
        "sc_category", "Category",
        text("title", "Title", 100), text("description", "Description", 1000),
        flag("active", "Active", "true"), ref("sc_catalog", "Catalog", "sc_catalog"),
        ref("parent", "Parent", "sc_category"),
        display="title", extends="sys_metadata",
    ),
    named(
        "sc_cat_item", "Catalog Item",
        text("short_description", "Short description", 200), text("description", "Description"),
        text("price", "Price", 20), text("type", "Type", 40, "item"),
        flag("active", "Active", "true"),
        text("availability", "Availability", 40, "on_both"), text("sc_catalogs", "Catalogs"),
        ref("category", "Category", "sc_category"), integer("order", "Order", "0"),
        flag("mandatory_attachment", "Mandatory Attachment"),
        text("request_method", "Request method", 40),
        extends="sys_metadata",
    ),
    table(
        "item_option_new", "Variable",
        text("name", "Name", 100), text("question_text", "Question", 255),
        ref("cat_item", "Catalog item", "sc_cat_item"), text("type", "Type", 40, "6"),
        flag("mandatory", "Mandatory"), flag("read_only", "Read only"),
        flag("active", "Active", "true"), text("default_value", "Default value", 255),
        integer("order", "Order", "100"),
        display="question_text", extends="sys_metadata",
    ),
    table(
        "sc_request", "Request",
        choice("state", "State", "1"), choice("request_state", "Request state", "requested"),
        choice("stage", "Stage", "requested"), ref("requested_for", "Requested for", "sys_user"),
        text("price", "Price", 20, "0"), date("requested_date", "Requested date"),
        text("special_instructions", "Special instructions"),
        ref("parent_interaction", "Parent", "task"),
        text("calendar_stc", "Resolve time", 40), text("delivery_address", "Delivery address"),
        display="number", extends="task", number=("REQ", 10001), readers=("itil",),
        writers=("itil",), deleters=("catalog_admin",),
    ),
    table(
        "sc_req_item", "Requested Item",
        choice("state", "State", "1"), choice("stage", "Stage", "request_approved"),
        ref("request", "Request", "sc_request"), ref("cat_item", "Item", "sc_cat_item"),
        ref("requested_for", "Requested for", "sys_user"), integer("quantity", "Quantity", "1"),
        text("price", "Price", 20, "0"), flag("backordered", "Backordered"),
        display="number", extends="task", number=("RITM", 10001), readers=("itil",),
        writers=("itil",), deleters=("catalog_admin",),
    ),
    table(
        "sc_task", "Catalog Task",
        choice("state", "State", "1"), ref("request", "Request", "sc_request"),
        ref("request_item", "Request item", "sc_req_item"),
        ref("sc_catalog", "Catalog", "sc_catalog"),
        display="number", extends="task", number=("SCTASK", 10001), readers=("itil",),
        writers=("itil",), deleters=("catalog_admin",),
    ),
)  # fmt: skip

CHOICES = (
    choices(
        "sc_request", "request_state",
        {
            "draft": "Draft", "submitted": "Submitted", "requested": "Pending Approval",
            "in_process": "Approved", "delivered": "Delivered",
            "closed_complete": "Closed Complete",
            "closed_incomplete": "Closed Incomplete", "closed_rejected": "Closed Rejected",
            "closed_cancelled": "Closed Cancelled", "closed_skipped": "Closed Skipped",
        },
    ),
    choices(
        "sc_request", "stage",
        {
            "requested": "Requested", "fulfillment": "Fulfillment",
            "request_approved": "Approved", "delivery": "Delivery",
            "closed_complete": "Completed", "closed_incomplete": "Incomplete",
        },
    ),
)  # fmt: skip
