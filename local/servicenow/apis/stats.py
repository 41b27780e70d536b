"""The Aggregate API (documentation: Aggregate API)."""

import itertools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from .. import wire
from ..errors import ApiError, Message, not_simulated
from ..operators import sort_key
from ..records import flag
from .routing import Routes
from .table import query_of

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from ..instance import Instance
    from ..schema import Table
    from ..store import Row

_FUNCTIONS: dict[str, Callable[[list[float]], float]] = {
    "avg": lambda values: sum(values) / len(values),
    "min": min,
    "max": max,
    "sum": sum,
}
_COMPARISONS: dict[str, Callable[[float, float], bool]] = {
    "=": float.__eq__, "!=": float.__ne__, ">": float.__gt__, ">=": float.__ge__,
    "<": float.__lt__, "<=": float.__le__,
}  # fmt: skip

Group = tuple[tuple[str, ...], "list[Row]"]


def routes(instance: "Instance") -> Routes:
    """Return the API's endpoints below `/api/now/stats`."""

    async def stats(request: "Request") -> "Response":
        table = instance.schema.table(request.path_params["table"])
        return _Statistics(instance, table, request).answer()

    return {"/{table}": {"GET": stats}}


class _Statistics:
    def __init__(self, instance: "Instance", table: "Table", request: "Request") -> None:
        self._instance = instance
        self._table = table
        self._request = request
        self._parameters = request.query_params
        self._fields = {
            function: _listed(self._parameters.get(f"sysparm_{function}_fields", ""))
            for function in _FUNCTIONS
        }
        self._groups = _listed(self._parameters.get("sysparm_group_by", ""))

    def answer(self) -> "Response":
        if not flag(self._parameters, "sysparm_count") and not any(self._fields.values()):
            raise ApiError(400, "No request parameter for aggregate operation specified", None)
        for field in (*self._groups, *itertools.chain.from_iterable(self._fields.values())):
            if self._instance.schema.column(self._table, field) is None:
                raise not_simulated(f"an aggregate of {field}, which {self._table.name} lacks")
        account = self._request.state.account
        query = query_of(self._instance, self._table, self._parameters)
        found = self._instance.search(self._table.name, query, account)
        rows = self._instance.visible(account, self._table.name, found)
        if not self._groups:
            return wire.respond(self._request, {"result": {"stats": self._stats(rows)}})
        grouped = self._ordered([group for group in self._grouped(rows) if self._having(group[1])])
        return wire.respond(
            self._request,
            {
                "result": [
                    {
                        "stats": self._stats(members),
                        "groupby_fields": [
                            self._shown(field, value)
                            for field, value in zip(self._groups, values, strict=True)
                        ],
                    }
                    for values, members in grouped
                ]
            },
        )

    def _value(self, row: "Row", field: str) -> str:
        return self._instance.value(self._table, row, field)

    def _grouped(self, rows: "list[Row]") -> list[Group]:
        def key(row: "Row") -> tuple[str, ...]:
            return tuple(self._value(row, field) for field in self._groups)

        return [(values, list(members)) for values, members in itertools.groupby(
            sorted(rows, key=key), key
        )]  # fmt: skip

    def _stats(self, rows: "list[Row]") -> dict[str, Any]:
        found: dict[str, Any] = {}
        if flag(self._parameters, "sysparm_count"):
            found["count"] = str(len(rows))
        for function, fields in self._fields.items():
            if fields:
                found[function] = {
                    field: self._aggregate(function, rows, field) for field in fields
                }
        return found

    def _aggregate(self, function: str, rows: "list[Row]", field: str) -> str:
        column = self._instance.schema.column(self._table, field)
        values = [value for row in rows if (value := self._value(row, field))]
        if column is None or not values:
            return ""
        if column.kind in {"date", "day"} and function in {"min", "max"}:
            return min(values) if function == "min" else max(values)
        numbers = [float(value) for value in values if _is_number(value)]
        if not numbers:
            return ""
        result = _FUNCTIONS[function](numbers)
        return f"{result:.4f}" if function == "avg" else f"{result:g}"

    def _shown(self, field: str, value: str) -> dict[str, str]:
        display = self._parameters.get("sysparm_display_value", "false").lower()
        column = self._instance.schema.column(self._table, field)
        if display not in {"true", "all"} or column is None:
            return {"field": field, "value": value}
        reader = self._instance.reader(self._request.state.account)
        shown = self._instance.shown(self._table.name, column, value, reader)
        if display == "true":
            return {"field": field, "value": shown}
        return {"field": field, "value": value, "display_value": shown}

    def _having(self, rows: "list[Row]") -> bool:
        """`sysparm_having=<aggregate>^<field>^<operator>^<value>`, several by commas."""
        for condition in _listed(self._parameters.get("sysparm_having", "")):
            try:
                function, field, operator, value = condition.split("^")
                actual = float(self._measure(function.lower(), rows, field) or "nan")
                if not _COMPARISONS[operator](actual, float(value)):
                    return False
            except (KeyError, ValueError):
                raise ApiError(
                    400, Message("Invalid sysparm_having {0}", (condition,)), None
                ) from None
        return True

    def _measure(self, function: str, rows: "list[Row]", field: str) -> str:
        return str(len(rows)) if function == "count" else self._aggregate(function, rows, field)

    def _ordered(self, groups: list[Group]) -> list[Group]:
        """`sysparm_order_by=<field>` or `<AGGREGATE>^<field>`, `^DESC` for the largest first."""
        for order in reversed(_listed(self._parameters.get("sysparm_order_by", ""))):
            parts = order.split("^")
            largest_first = parts[-1] == "DESC"
            groups.sort(
                key=self._order_of(*(parts[:-1] if largest_first else parts)),
                reverse=largest_first,
            )
        return groups

    def _order_of(self, name: str, *field: str) -> Callable[[Group], tuple[int, float, str]]:
        if name in self._groups:
            place = self._groups.index(name)
            return lambda group: sort_key(group[0][place])
        function = name.lower()
        if function in {"count", *_FUNCTIONS}:
            return lambda group: sort_key(self._measure(function, group[1], "".join(field)))
        raise not_simulated(f"sysparm_order_by={name}")


def _listed(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
