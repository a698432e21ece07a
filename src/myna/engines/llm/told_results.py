"""Calls and their results as a small model understands them: with the question, not as messages of their own. No I/O.

Small models have seen few results of tools. What they know is code, and to do what is said last. So the results stand
behind the question as ``get_weather(city=Oslo) = 3 degrees``, and an order to tell them ends it, in the question's
language. To ask for the user's consent is more than they can do, in whatever words (0 of 12 times): see
`myna.engines.consent`.

Measured with the starter model on 20 results, half of them Chinese, three times each: it states all 60; with
"get_weather says: …" and an order to answer in the language of the question, 51; with results above the question, 41.
"""

import re
from collections.abc import Sequence
from typing import TypeAlias

from myna.core.tools import ToolCall, json_object
from myna.engines.base import LLMMessage

_Result: TypeAlias = tuple[ToolCall, LLMMessage]

_CHINESE = re.compile(r"[\u4e00-\u9fff]")
_GONE = ToolCall("", "tool", "{}")
"""Stands for a call that the history has lost."""


def told_results(messages: Sequence[LLMMessage]) -> tuple[LLMMessage, ...]:
    """The messages without calls: what came of them stands with the message of the user's that asked for it."""
    told: list[LLMMessage] = []
    question, place, results, calls = "", None, list[_Result](), dict[str, ToolCall]()
    for message in messages:
        if message.role == "tool":
            results.append((calls.get(message.tool_call_id or "", _GONE), message))
            if place is None:
                place = len(told)
                told.append(LLMMessage("user", ""))
            before_calls = [each for each in told[place + 1 :] if each.role != "assistant"]  # those words are no answer
            told[place:] = [LLMMessage("user", _with_results(question, results)), *before_calls]
        elif message.tool_calls:
            calls |= {call.id: call for call in message.tool_calls}
            if message.content:
                told.append(LLMMessage("assistant", message.content))
        else:
            if message.role == "user":
                question, place, results = message.content, len(told), []
            told.append(message)
    return tuple(told)


def _with_results(question: str, results: Sequence[_Result]) -> str:
    told = [(call, result) for call, result in results if result.outcome != "asks"]
    if not told:
        return question
    failed = all(result.outcome == "failed" for _, result in told)
    lines = "\n".join(_line(call, result) for call, result in told)
    return "\n\n".join(filter(None, (question, lines, _order(question, failed=failed, several=len(told) > 1))))


def _line(call: ToolCall, result: LLMMessage) -> str:
    between = "\n" if result.outcome == "failed" else " = "
    return f"{call.name}({_values(call, '=')}){between}{_plain(result.content)}"


def _order(question: str, *, failed: bool, several: bool) -> str:
    if _CHINESE.search(question):
        return "请用中文告诉我" + ("出了什么问题。" if failed else "这些结果。" if several else "这个结果。")
    return "Tell me " + ("what went wrong." if failed else "these results." if several else "this result.")


def _values(call: ToolCall, sign: str) -> str:
    return ", ".join(f"{name}{sign}{value}" for name, value in json_object(call.arguments).items())


def _plain(output: str) -> str:
    """A JSON object of plain values as a list of them."""
    values = json_object(output)
    if not values or any(isinstance(each, dict | list) for each in values.values()):
        return output
    return ", ".join(f"{name}: {value}" for name, value in values.items())
