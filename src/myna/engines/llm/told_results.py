"""Calls and their results as a small model understands them: with the question, not as messages of their own. No I/O.

Small models have seen few results of tools. What they know is code, and to do what is said last. So the results stand
behind the question as ``get_weather(city=Oslo) = 3 degrees``, and an order to tell them ends it, in the question's
language. To ask for the user's consent is more than they can do, in whatever words (0 of 12 times): `consent_question`.

Measured with the starter model on 20 results, half of them Chinese, three times each: it states all 60; with
"get_weather says: …" and an order to answer in the language of the question, 51; with results above the question, 41.
"""

import json
import re
from collections.abc import Sequence
from itertools import takewhile
from typing import TypeAlias, cast

from myna.core.tools import JSON, ToolCall, ToolSpec
from myna.engines.base import LLMMessage
from myna.engines.llm.tool_examples import what_it_does

_Result: TypeAlias = tuple[ToolCall, LLMMessage]

_CHINESE = re.compile(r"[\u4e00-\u9fff]")
_HARMLESS = str.maketrans("<>[]{}|`*", "‹›()()/'·")
LONGEST_SAID = 300
"""Characters of a value in a question for consent."""

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


def newest_results(messages: Sequence[LLMMessage]) -> list[LLMMessage]:
    """What came of the calls that nothing has been said to yet."""
    newest = takewhile(lambda message: message.role == "tool" or message.tool_calls, reversed(messages))
    return [message for message in newest if message.role == "tool"][::-1]


def consent_question(messages: Sequence[LLMMessage], tools: Sequence[ToolSpec]) -> str:
    """What to ask the user before the calls are run that wait for consent; empty where none do, or it was asked."""
    calls = {call.id: call for message in messages for call in message.tool_calls}
    waiting = [result for result in newest_results(messages) if result.outcome == "asks"]
    if not waiting:
        return ""
    question = next((message.content for message in reversed(messages) if message.role == "user"), "")
    does = {tool.name: what_it_does(tool) for tool in tools}
    chinese = _CHINESE.search(question) is not None
    said: dict[str, None] = {}
    for result in waiting:
        name = calls.get(result.tool_call_id or "", _GONE).name
        values = "; ".join(
            f"{key}: {_said(value)}" for key, value in _object(result.shown).items() if value is not None
        )
        said[f"{does.get(name, name)} ({values})" if values else does.get(name, name)] = None
    return "; ".join(said) + ("。要我这样做吗？" if chinese else ". Shall I do that?")


def _said(value: object) -> str:
    """A value as it is shown and spoken: nothing in it is taken for markup."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    if len(text) > LONGEST_SAID:
        text = f"{text[:LONGEST_SAID]} …"
    return text.translate(_HARMLESS)


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
    return ", ".join(f"{name}{sign}{value}" for name, value in _object(call.arguments).items())


def _plain(output: str) -> str:
    """A JSON object of plain values as a list of them."""
    values = _object(output)
    if not values or any(isinstance(each, dict | list) for each in values.values()):
        return output
    return ", ".join(f"{name}: {value}" for name, value in values.items())


def _object(text: str) -> JSON:
    try:
        value: object = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return cast("JSON", value) if isinstance(value, dict) else {}
