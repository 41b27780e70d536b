"""The service catalog."""

from typing import TYPE_CHECKING

from .ids import sys_id

if TYPE_CHECKING:
    from ..instance import Instance

# What each catalog offers: items by category, each with a text and its questions.
_CATALOGS: dict[str, dict[str, dict[str, tuple[str, dict[str, str]]]]] = {
    "Service Catalog": {
        "Services": {
            "New Email Account": (
                "Request an email account", {"new_email": "What email address would you like?"},
            ),
            "Reset a password": ("Have a password reset", {}),
        },
        "Hardware": {
            "Apple iPad 3": ("Apple iPad 3", {}),
            "Standard Laptop": (
                "Lenovo - Carbon x1", {"additional_software": "Additional software requirements"},
            ),
            "Sales Laptop": ("Acer Aspire NX", {}),
        },
    },
    "Technical Catalog": {
        "Infrastructure": {
            "Request a server": (
                "Have a server set up",
                {"server_name": "Name of the server", "environment": "Environment"},
            ),
        },
    },
}  # fmt: skip


def fill(instance: "Instance") -> None:
    """Put catalogs with a few items in."""
    for title, categories in _CATALOGS.items():
        catalog = instance.put(
            "sc_catalog", sys_id=sys_id(f"catalog {title}"), title=title,
            description=f"{title}: what employees order",
        )  # fmt: skip
        for category, items in categories.items():
            instance.put(
                "sc_category", sys_id=sys_id(f"category {category}"), title=category,
                description=category, sc_catalog=catalog["sys_id"],
            )  # fmt: skip
            for name, (text, questions) in items.items():
                instance.put(
                    "sc_cat_item",
                    sys_id=sys_id(f"item {name}"),
                    name=name,
                    short_description=text,
                    description=f"<p>{text}</p>",
                    category=sys_id(f"category {category}"),
                    sc_catalogs=catalog["sys_id"],
                    price="10.00",
                )
                for variable, question in questions.items():
                    instance.put(
                        "item_option_new", sys_id=sys_id(f"variable {name} {variable}"),
                        name=variable, question_text=question, cat_item=sys_id(f"item {name}"),
                    )  # fmt: skip
