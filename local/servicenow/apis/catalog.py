"""The Service Catalog API (documentation: Service Catalog API): what is offered, and orders."""

from typing import TYPE_CHECKING, Any

from .. import wire
from ..errors import ApiError
from .routing import Routes, number

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from ..instance import Instance
    from ..store import Row

_DEFAULT_LIMIT = 10
_ITEM = (
    "sys_id", "name", "short_description", "description", "price", "type", "availability",
    "request_method", "order", "sys_class_name",
)  # fmt: skip
# Types of questions (documentation: Types of service catalog variables).
_VARIABLE_TYPES = {"6": "single_line_text", "7": "check_box", "2": "multi_line_text"}


def routes(instance: "Instance") -> Routes:
    """Return the API's endpoints below `/api/sn_sc/servicecatalog`."""
    api = _CatalogApi(instance)
    return {
        "/catalogs": {"GET": api.catalogs},
        "/catalogs/{sys_id}": {"GET": api.catalog},
        "/catalogs/{sys_id}/categories": {"GET": api.categories},
        "/categories/{sys_id}": {"GET": api.category},
        "/items": {"GET": api.items},
        "/items/{sys_id}": {"GET": api.item},
        "/items/{sys_id}/order_now": {"POST": api.order_now},
        "/items/{sys_id}/add_to_cart": {"POST": api.add_to_cart},
        "/cart": {"GET": api.cart},
        "/cart/checkout": {"POST": api.submit},
        "/cart/submit_order": {"POST": api.submit},
    }


class _CatalogApi:
    def __init__(self, instance: "Instance") -> None:
        self._instance = instance
        self._carts: dict[str, list[tuple[str, int, str]]] = {}

    # ---- what is offered

    async def catalogs(self, request: "Request") -> "Response":
        found = [self._catalog(row) for row in self._instance.rows("sc_catalog")]
        return self._page(request, found)

    async def catalog(self, request: "Request") -> "Response":
        return wire.respond(request, {"result": self._catalog(self._find(request, "sc_catalog"))})

    async def categories(self, request: "Request") -> "Response":
        catalog = self._find(request, "sc_catalog")
        found = [
            self._category(row)
            for row in self._instance.rows("sc_category")
            if row["sc_catalog"] == catalog["sys_id"]
        ]
        return self._page(request, found)

    async def category(self, request: "Request") -> "Response":
        return wire.respond(request, {"result": self._category(self._find(request, "sc_category"))})

    async def items(self, request: "Request") -> "Response":
        parameters = request.query_params
        words = parameters.get("sysparm_text", "").casefold()
        found = [
            self._item(row)
            for row in self._instance.rows("sc_cat_item")
            if words in f"{row['name']} {row['short_description']}".casefold()
            and parameters.get("sysparm_catalog", "") in row["sc_catalogs"]
            and parameters.get("sysparm_category", row["category"]) == row["category"]
        ]
        return self._page(request, found)

    async def item(self, request: "Request") -> "Response":
        return wire.respond(request, {"result": self._item(self._find(request, "sc_cat_item"))})

    def _page(self, request: "Request", found: list[dict[str, Any]]) -> "Response":
        offset = number(request, "sysparm_offset", 0)
        page = found[offset : offset + number(request, "sysparm_limit", _DEFAULT_LIMIT)]
        return wire.respond(request, {"result": page}, headers={"X-Total-Count": str(len(found))})

    # ---- orders

    async def order_now(self, request: "Request") -> "Response":
        item, quantity, user = await self._ordered(request)
        return self._order(request, [(item, quantity, user)])

    async def add_to_cart(self, request: "Request") -> "Response":
        cart = self._carts.setdefault(request.state.account.sys_id, [])
        cart.append(await self._ordered(request))
        return wire.respond(request, {"result": self._cart(request)})

    async def cart(self, request: "Request") -> "Response":
        return wire.respond(request, {"result": self._cart(request)})

    async def submit(self, request: "Request") -> "Response":
        cart = self._carts.pop(request.state.account.sys_id, [])
        if not cart:
            raise ApiError(400, "Cart is empty", None)
        return self._order(request, cart)

    async def _ordered(self, request: "Request") -> tuple[str, int, str]:
        item = self._find(request, "sc_cat_item")
        sent = await wire.read_record(request, self._instance.body_limit)
        quantity = str(sent.get("sysparm_quantity", ""))
        if not quantity.isdecimal() or not int(quantity):
            raise ApiError(400, "Invalid Quantity value", None)
        named = str(sent.get("sysparm_requested_for") or request.state.account.sys_id)
        user = self._instance.find("sys_user", named) or self._instance.first(
            "sys_user", user_name=named
        )
        return item["sys_id"], int(quantity), named if user is None else user["sys_id"]

    def _order(self, request: "Request", cart: list[tuple[str, int, str]]) -> "Response":
        account = request.state.account
        made = {"sys_created_by": account.user_name, "opened_by": account.sys_id}
        order = self._instance.put(
            "sc_request", **made, requested_for=cart[0][2], request_state="in_process"
        )
        for item, quantity, user in cart:
            row = self._instance.find("sc_cat_item", item)
            self._instance.put(
                "sc_req_item",
                **made,
                request=order["sys_id"],
                parent=order["sys_id"],
                cat_item=item,
                quantity=str(quantity),
                requested_for=user,
                short_description="" if row is None else row["name"],
            )
        return wire.respond(
            request,
            {
                "result": {
                    "sys_id": order["sys_id"],
                    "number": order["number"],
                    "request_number": order["number"],
                    "request_id": order["sys_id"],
                    "parent_id": None,
                    "parent_table": "task",
                    "table": "sc_request",
                }
            },
        )

    def _cart(self, request: "Request") -> dict[str, Any]:
        cart = self._carts.get(request.state.account.sys_id, [])
        rows = [(self._instance.find("sc_cat_item", item), quantity) for item, quantity, _ in cart]
        items = [
            {"catalog_item_id": row["sys_id"], "item_name": row["name"], "quantity": str(quantity)}
            for row, quantity in rows
            if row is not None
        ]
        return {"cart_id": request.state.account.sys_id, "subtotal": "$0.00", "items": items}

    def _find(self, request: "Request", table: str) -> "Row":
        row = self._instance.find(table, request.path_params["sys_id"])
        if row is None:
            raise ApiError(404, "Record doesn't exist or ACL restricts the record retrieval", None)
        return row

    def _catalog(self, row: "Row") -> dict[str, Any]:
        categories = [
            category
            for category in self._instance.rows("sc_category")
            if category["sc_catalog"] == row["sys_id"]
        ]
        return {
            "sys_id": row["sys_id"],
            "title": row["title"],
            "description": row["description"],
            "has_categories": bool(categories),
            "has_items": bool(categories),
            "desktop_image": "",
        }

    def _category(self, row: "Row") -> dict[str, Any]:
        items = [
            item for item in self._instance.rows("sc_cat_item") if item["category"] == row["sys_id"]
        ]  # fmt: skip
        return {
            "sys_id": row["sys_id"],
            "title": row["title"],
            "description": row["description"],
            "full_description": row["description"],
            "count": len(items),
            "subcategories": [],
        }

    def _item(self, row: "Row") -> dict[str, Any]:
        category = self._instance.find("sc_category", row["category"])
        catalogs = [
            {"sys_id": found["sys_id"], "title": found["title"], "active": True}
            for found in self._instance.rows("sc_catalog")
            if found["sys_id"] in row["sc_catalogs"]
        ]
        return {
            **{name: row[name] for name in _ITEM},
            "mandatory_attachment": row["mandatory_attachment"] == "true",
            "catalogs": catalogs,
            "category": {} if category is None else {
                "sys_id": category["sys_id"], "title": category["title"], "active": True,
            },
            "variables": [
                self._variable(variable)
                for variable in self._instance.rows("item_option_new")
                if variable["cat_item"] == row["sys_id"]
            ],
        }  # fmt: skip

    def _variable(self, row: "Row") -> dict[str, Any]:
        return {
            "active": True,
            "id": row["sys_id"],
            "name": row["name"],
            "label": row["question_text"],
            "mandatory": row["mandatory"] == "true",
            "read_only": row["read_only"] == "true",
            "type": int(row["type"]),
            "friendly_type": _VARIABLE_TYPES[row["type"]],
            "value": row["default_value"],
            "displayvalue": row["default_value"],
            "max_length": 0,
            "render_label": True,
        }
