"""GET /api/servicenow/choices/{table}/{field}."""

from functions.operation import Operation, Refused, Request

OPERATIONS = {
    "GET /api/servicenow/choices/{table}/{field}": Operation(
        id="get_choices",
        tag="Choices",
        summary="The values this instance has for a field, or the records that a search finds",
        request=Request(path={"table": "incident", "field": "state"}),
        answer="Choices",
        example={
            "table": "incident",
            "field": "state",
            "choices": [
                {"value": "1", "label": "New"},
                {"value": "2", "label": "In Progress"},
                {"value": "3", "label": "On Hold"},
                {"value": "6", "label": "Resolved"},
                {"value": "7", "label": "Closed"},
                {"value": "8", "label": "Canceled"},
            ],
        },
        refused={
            "invalid_table": Refused(
                Request(path={"table": "sys_user", "field": "state"}), 422, ["table"]
            ),
            "invalid_field": Refused(
                Request(path={"table": "incident", "field": "state^name"}), 422, ["field"]
            ),
            "invalid_search": Refused(
                Request(
                    path={"table": "incident", "field": "assignment_group"},
                    query={"search": "a" * 101},
                ),
                422,
                ["search"],
            ),
        },
    )
}
