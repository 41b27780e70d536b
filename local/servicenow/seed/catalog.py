"""The service catalog."""

from typing import TYPE_CHECKING

from .ids import sys_id

if TYPE_CHECKING:
    from ..instance import Instance

_ITEMS = {
    "Services": (
        ("New Email Account", "Request an email account"),
        ("Reset a password", "Have a password reset"),
    ),
    "Hardware": (
        ("Apple iPad 3", "Apple iPad 3"),
        ("Standard Laptop", "Lenovo - Carbon x1"),
        ("Sales Laptop", "Acer Aspire NX"),
    ),
}


def fill(instance: "Instance") -> None:
    """Put a catalog with a few items in."""
    for title in ("Service Catalog", "Technical Catalog"):
        instance.put(
            "sc_catalog", sys_id=sys_id(f"catalog {title}"), title=title,
            description=f"{title}: what employees order",
        )  # fmt: skip
    catalog = sys_id("catalog Service Catalog")
    for category, items in _ITEMS.items():
        instance.put(
            "sc_category", sys_id=sys_id(f"category {category}"), title=category,
            description=category, sc_catalog=catalog,
        )  # fmt: skip
        for name, text in items:
            instance.put(
                "sc_cat_item",
                sys_id=sys_id(f"item {name}"),
                name=name,
                short_description=text,
                description=f"<p>{text}</p>",
                category=sys_id(f"category {category}"),
                sc_catalogs=catalog,
                price="10.00",
            )
