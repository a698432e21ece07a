"""The question for the user's consent to calls of tools, where the model does not put it. No I/O."""

import json
import re
from collections.abc import Sequence
from itertools import takewhile

from myna.core.tools import ToolCall, ToolSpec, json_object
from myna.engines.base import LLMMessage

_CHINESE = re.compile(r"[\u4e00-\u9fff]")
_HARMLESS = str.maketrans("<>[]{}|`*", "‹›()()/'·")
LONGEST_SAID = 300
"""Characters of a value in the question."""

_GONE = ToolCall("", "tool", "{}")
"""Stands for a call that the history has lost."""


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
    does = {tool.name: tool.summary for tool in tools}
    chinese = _CHINESE.search(question) is not None
    said: dict[str, None] = {}
    for result in waiting:
        name = calls.get(result.tool_call_id or "", _GONE).name
        values = "; ".join(
            f"{key}: {_said(value)}" for key, value in json_object(result.shown).items() if value is not None
        )
        action = does.get(name, name).translate(_HARMLESS)
        said[f"{action} ({values})" if values else action] = None
    return "; ".join(said) + ("。要我这样做吗？" if chinese else ". Shall I do that?")


def _said(value: object) -> str:
    """A value as it is shown and spoken: nothing in it is taken for markup."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    if len(text) > LONGEST_SAID:
        text = f"{text[:LONGEST_SAID]} …"
    return text.translate(_HARMLESS)
