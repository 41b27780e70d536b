"""A server of the Model Context Protocol: tools and prompts, and how calls end."""

import json
import logging
from collections.abc import Callable, Sequence
from typing import Any

import anyio
import mcp_types as types
from mcp.server.lowlevel import Server
from mcp.shared.exceptions import MCPError
from pydantic import ValidationError

from servicenow_tools import __version__
from servicenow_tools.errors import ResponseError, ServiceNowError
from servicenow_tools.mcp.prompts import PROMPTS, Prompt
from servicenow_tools.mcp.tools import NOTICE, OUTPUT_SCHEMA, SECONDS, Tool

_logger = logging.getLogger(__name__)

INSTRUCTIONS = (
    "Tickets, changes and knowledge of a ServiceNow instance, with the rights of the user who "
    "signed in. " + NOTICE
)
_LATE = f"Nothing came within {SECONDS:.0f} seconds. Ask for less, or try again later."
_MAYBE_WRITTEN = (
    "The write may have taken effect all the same: look at the ticket, or repeat the call with the "
    "same correlation_id."
)
_LONGEST_ERROR = 2000


def make_server(
    tools: Sequence[Tool],
    *,
    name: str = "servicenow-tools",
    explain: Callable[[Exception], str | None] = lambda _: None,
) -> "Server[Any]":
    """Return a server.

    Args:
        tools: its tools.
        name: its name.
        explain: returns what a failure other than ServiceNow's means to the caller, or None where
            it is a fault of the server's.
    """
    known = {tool.name: tool for tool in tools}
    prompts = {prompt.name: prompt for prompt in PROMPTS}

    async def list_tools(_: Any, __: Any) -> types.ListToolsResult:
        return types.ListToolsResult(tools=[_described(tool) for tool in tools])

    async def call_tool(_: Any, params: types.CallToolRequestParams) -> types.CallToolResult:
        tool = known.get(params.name)
        if tool is None:
            raise MCPError(types.INVALID_PARAMS, f"There is no tool {params.name[:100]}")
        try:
            with anyio.fail_after(SECONDS + 1):
                asked = tool.arguments.model_validate(params.arguments or {})
                answer = await tool.run(asked)
        except Exception as error:  # noqa: BLE001 - whatever it is, the caller has to know
            return _failed(error, tool, explain)
        return _result(answer.document())

    async def list_prompts(_: Any, __: Any) -> types.ListPromptsResult:
        return types.ListPromptsResult(prompts=[_prompt(prompt) for prompt in PROMPTS])

    async def get_prompt(_: Any, params: types.GetPromptRequestParams) -> types.GetPromptResult:
        prompt = prompts.get(params.name)
        if prompt is None:
            raise MCPError(types.INVALID_PARAMS, f"There is no prompt {params.name[:100]}")
        given = params.arguments or {}
        if missing := [argument for argument in prompt.arguments if not given.get(argument)]:
            raise MCPError(types.INVALID_PARAMS, f"The prompt needs {', '.join(missing)}")
        text = prompt.text.format(**{each: given[each][:100] for each in prompt.arguments})
        message = types.PromptMessage(role="user", content=types.TextContent(text=text))
        return types.GetPromptResult(description=prompt.description, messages=[message])

    return Server(
        name,
        version=__version__,
        instructions=INSTRUCTIONS,
        on_list_tools=list_tools,
        on_call_tool=call_tool,
        on_list_prompts=list_prompts,
        on_get_prompt=get_prompt,
    )


def _described(tool: Tool) -> types.Tool:
    return types.Tool(
        name=tool.name,
        title=tool.title,
        description=tool.description,
        input_schema=tool.input_schema(),
        output_schema=OUTPUT_SCHEMA,
        annotations=types.ToolAnnotations(
            title=tool.title,
            read_only_hint=not tool.writes,
            destructive_hint=False,
            idempotent_hint=True,
            open_world_hint=True,
        ),
    )


def _prompt(prompt: Prompt) -> types.Prompt:
    return types.Prompt(
        name=prompt.name,
        title=prompt.title,
        description=prompt.description,
        arguments=[
            types.PromptArgument(name=name, description=text, required=True)
            for name, text in prompt.arguments.items()
        ],
    )


def _failed(
    error: Exception, tool: Tool, explain: Callable[[Exception], str | None]
) -> types.CallToolResult:
    if isinstance(error, ValidationError):
        # Without the values: they need not be the caller's to see again.
        details = error.errors(include_url=False, include_context=False, include_input=False)
        text = "; ".join(
            f"{'.'.join(map(str, detail['loc']))}: {detail['msg']}" for detail in details[:20]
        )
        return _result({"error": text}, is_error=True)
    if isinstance(error, TimeoutError):
        return _result({"error": _MAYBE_WRITTEN if tool.writes else _LATE}, is_error=True)
    if isinstance(error, ServiceNowError):
        text = f"{error} {_MAYBE_WRITTEN}" if error.maybe_applied else str(error)
        said: dict[str, Any] = {}
        if isinstance(error, ResponseError):
            said = {"status": error.status, "message": error.message, "detail": error.detail}
        document = {"notice": NOTICE, "error": type(error).__name__.removesuffix("Error")}
        return _result(
            {**document, "from_outside": {"text": text[:_LONGEST_ERROR], "servicenow": said}},
            is_error=True,
        )
    text = explain(error) or ""
    if not text:
        _logger.error("tool failed", exc_info=error)
        text = "Something went wrong here, not in the call. The log says more."
    return _result({"error": text[:_LONGEST_ERROR]}, is_error=True)


def _result(document: dict[str, Any], *, is_error: bool = False) -> types.CallToolResult:
    text = json.dumps(document, ensure_ascii=False)
    return types.CallToolResult(
        content=[types.TextContent(text=text)], structured_content=document, is_error=is_error
    )
