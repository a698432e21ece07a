"""Tools for a model whose server has no place for them: told in its prompt, as Qwen's chat template does. No I/O."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace

from myna.core.tools import NamedTool, ToolSpec
from myna.engines.base import LLMMessage, LLMRequest

# Hermes' words, which most open models have learned: https://github.com/NousResearch/Hermes-Function-Calling
TOOLS = """# Tools

You may call one or more functions to assist with the user query.

You are provided with function signatures within <tools></tools> XML tags:
<tools>
{tools}
</tools>

For each function call, return a json object with function name and arguments within <tool_call></tool_call> XML tags:
<tool_call>
{{"name": <function-name>, "arguments": <args-json-object>}}
</tool_call>"""
HAVE_TO = "You have to call {what} now."


def prompted(request: LLMRequest) -> LLMRequest:
    """The request with its tools, calls and results as text."""
    messages = list(_told(request.messages))
    if request.tools:
        system = TOOLS.format(tools="\n".join(map(_described, request.tools)))
        match request.tool_choice:
            case NamedTool(name):
                system += "\n" + HAVE_TO.format(what=f"the function {name}")
            case "required":
                system += "\n" + HAVE_TO.format(what="a function")
            case _:
                pass
        if messages and messages[0].role == "system":
            messages[0] = LLMMessage("system", f"{messages[0].content}\n\n{system}")
        else:
            messages.insert(0, LLMMessage("system", system))
    return replace(request, messages=tuple(messages), tools=(), tool_choice="auto")


def _told(messages: Sequence[LLMMessage]) -> Iterator[LLMMessage]:
    results: list[str] = []
    for message in messages:
        if message.role == "tool":
            results.append(f"<tool_response>\n{message.content}\n</tool_response>")
            continue
        if results:
            if message.role == "user":  # models want the roles to alternate
                message = replace(message, content="\n".join((*results, message.content)))  # noqa: PLW2901
            else:
                yield LLMMessage("user", "\n".join(results))
            results = []
        calls = "\n".join(
            f'<tool_call>\n{{"name": {json.dumps(call.name)}, "arguments": {call.arguments or "{}"}}}\n</tool_call>'
            for call in message.tool_calls
        )
        yield LLMMessage(message.role, "\n".join(filter(None, (message.content, calls)))) if calls else message
    if results:
        yield LLMMessage("user", "\n".join(results))


def _described(tool: ToolSpec) -> str:
    function = {"name": tool.name, "description": tool.description, "parameters": tool.parameters}
    return json.dumps({"type": "function", "function": function}, ensure_ascii=False)
