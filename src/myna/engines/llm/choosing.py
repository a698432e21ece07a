"""Prompts by which a small model chooses among tools, and what its answers mean. No I/O.

A model of half a billion weights that is given tools the usual way calls one for every greeting, or none at all, and
writes what is no JSON. What it can do is to go on with a pattern. So it is asked more than once, each time under a
schema that its server enforces: whether any tool is needed, after examples that are made of the tools' own
descriptions, among as many that need none; and if so, for one call after the other, after examples of calls. Nearly all
of a prompt is the same for all messages, so the server's KV cache has it, and the first token of the first answer
decides: ``[]`` is no tool. That token is made a little less likely (`NEED_BIAS`).

Whether a second call is needed the model does not know, but which it would be it does. So where the message may ask for
several things (`asks_for_more`) it is made to give one, which counts if it takes something from the message that no
call before it has taken (`Choosing.adds`).

Measured with the starter model by `benchmarks.tools`. What did worse: ``null`` or ``none`` for no tool, all answers in
one go, all calls in one list, examples without questions, arguments asked for behind the names; for the first decision,
nearness to the tools' descriptions by embeddings beside it (4 wrong of 91, and 5 without).
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, cast

from myna.core.tools import JSON, ToolSpec
from myna.engines.base import LLMMessage
from myna.engines.llm.grounding import adds, is_invented
from myna.engines.llm.sound_schema import sound_schema
from myna.engines.llm.tool_examples import ToolExample, both_of, examples_of, is_asked, resolved

MOST_CALLS = 8
MOST_EXAMPLES = 12
"""Tools that examples are made of; all others are only described."""

NO_TOOL = (
    "Hello!",
    "谢谢！",
    "Tell me a story.",
    "给我出个谜语吧。",
    "What is the tallest mountain?",
    "长城有多长？",
    "I am worried about my exams.",
    "我很想家。",
    "How can I learn English faster?",
    "What do you think of football?",
    "你叫什么名字？",
    "What does 'gratitude' mean?",
    "为什么要睡觉？",
    "Write a haiku about the moon.",
    "光速是多少？",
    "Who discovered America?",
    "我丢了钥匙，气死了。",
    "What is the best way to make tea?",
    "你能做我的朋友吗？",
)
"""What people say that needs no tool, whatever the tools are."""
NONE = "[]"
NEED_BIAS = (NONE, -1.2)
"""With it 2 of 51 messages that need a tool are missed, and 7 of 40 others are taken for one (a development set); the
calls of nearly all of these are invented (`Choosing.invents`)."""

NEXT = "Which other call does the message ask for? [] if that was all."

_SEVERAL = re.compile(
    r"[,;、，；+&]|(?i:\b(?:and|also|then|plus|both|as well|after that)\b)|[和与跟及还再另各]|然后|以及|并且|同时|接着"
)
_CHINESE = re.compile(r"[\u4e00-\u9fff]")

INSTRUCTIONS = (
    "Which functions does the user's message need? Answer with a JSON list of calls; [] if it is talk or a question "
    "that can be answered from knowledge.\nFunctions:\n{functions}\n"
    "[] - anything else: greetings, jokes, feelings, knowledge, opinions, thanks"
)
CALLS = (
    "Answer with the function calls that the user's message asks for, as a JSON list. Take the values from the message."
    "\nFunctions:\n{functions}"
)


@dataclass(frozen=True, slots=True)
class Written:
    """Calls as the model wrote them: whole ones, and one that was cut off."""

    whole: tuple[tuple[str, str], ...] = ()
    cut_off: tuple[str, str] | None = None


class Choosing:
    """The choice among some tools."""

    def __init__(self, tools: Sequence[ToolSpec]) -> None:
        self._tools = {tool.name: replace(tool, parameters=sound_schema(tool.parameters)) for tool in tools}

    def need_prompt(self, messages: Sequence[LLMMessage]) -> tuple[LLMMessage, ...]:
        """Asks whether the last of the user's messages needs tools."""
        return (*_need_head(tuple(self._tools.values())), LLMMessage("user", _last_asked(messages)))

    def need_schema(self) -> JSON:
        """What the answer to it has to be: the names of tools, which are not to be read on."""
        return _list({"enum": list(self._tools)}, least=0)

    def calls_prompt(
        self, messages: Sequence[LLMMessage], made: Sequence[tuple[str, str]] = ()
    ) -> tuple[LLMMessage, ...]:
        """Asks for a call that the last of the user's messages needs, beside those that were ``made``."""
        asked = _exchange(_last_asked(messages), [_called(name, arguments) for name, arguments in made])
        return (*_calls_head(tuple(self._tools.values())), *asked)

    def calls_schema(self, name: str | None = None) -> JSON:
        """What the answer to it has to be; ``name`` is the only tool that may be called."""
        calls: list[JSON] = []
        definitions: dict[str, Any] = {}
        for tool in self._tools.values() if name is None else [self._tools[name]]:
            parameters = _with_own_definitions(tool.name, enforceable(tool.parameters))
            for key in ("$defs", "definitions"):
                definitions.setdefault(key, {}).update(parameters.pop(key, {}))
            parameters = {"additionalProperties": False, **parameters, "type": "object"}
            calls.append(_object({"name": {"const": tool.name}, "arguments": parameters}))
        one = {**_list({"anyOf": calls}, least=1), "maxItems": 1}
        return {**one, **{key: each for key, each in definitions.items() if each}}

    def adds(self, arguments: str, messages: Sequence[LLMMessage], made: Sequence[tuple[str, str]]) -> bool:
        """Whether a call takes something from the last of the user's messages that no call before it has taken."""
        return adds(arguments, _last_asked(messages), [before for _, before in made])

    def invents(self, name: str, arguments: str, messages: Sequence[LLMMessage]) -> bool:
        """Whether a call takes nothing from the last of the user's messages: then that needs no tool."""
        tool = self._tools.get(name)
        return tool is not None and is_invented(tool, arguments, _last_asked(messages))

    def read_calls(self, text: str) -> Written:
        """The calls in an answer to it, which may be cut off, each once: names, and arguments as JSON texts."""
        items, rest = _items(text)
        whole = [(str(item.get("name")), _json(item.get("arguments") or {})) for item in items]
        begun = _BEGUN.match(rest)
        return Written(tuple(dict.fromkeys(whole)), (begun[1], begun[2] or "{") if begun else None)


def is_none(text: str) -> bool | None:
    """Whether an answer, as far as it has come, chooses no tool; None while that is open."""
    begun = text.lstrip().removeprefix("[").lstrip()
    return begun.startswith("]") if begun else None


def asks_for_more(messages: Sequence[LLMMessage]) -> bool:
    """Whether the last of the user's messages may ask for several things."""
    return _SEVERAL.search(_last_asked(messages)) is not None


def has_results(messages: Sequence[LLMMessage]) -> bool:
    """Whether the tools have been called already that the last of the user's messages needs."""
    return bool(messages) and messages[-1].role == "tool"


def rewritten(messages: Sequence[LLMMessage]) -> tuple[LLMMessage, ...]:
    """The messages without calls: what came of each stands with the message of the user's that asked for it.

    Small models have seen few results of tools, and answer them in the language that they are written in. So they are
    told to use that of the question.
    """
    told: list[LLMMessage] = []
    names: dict[str, str] = {}
    for message in messages:
        if message.role == "tool":
            asked = next((at for at in reversed(range(len(told))) if told[at].role == "user"), None)
            question = "" if asked is None else told[asked].content
            result = _result(names.get(message.tool_call_id or "", "the tool"), message.content, question)
            if asked is None:
                told.append(LLMMessage("user", result))
            else:
                told[asked] = LLMMessage("user", f"{question}\n\n{result}")
                del told[asked + 1 :]  # words that went before the calls
        elif message.tool_calls:
            names |= {call.id: call.name for call in message.tool_calls}
            if message.content:
                told.append(LLMMessage("assistant", message.content))
        else:
            told.append(message)
    return tuple(told)


def _result(name: str, output: str, question: str) -> str:
    if _CHINESE.search(question):
        return f"（{name} 的结果：{_plain(output)}。请用中文把结果告诉我。）"
    return f"({name} says: {_plain(output)}. Tell me that in the language of my question.)"


def _plain(output: str) -> str:
    """A JSON object of plain values as a list of them."""
    try:
        value: object = json.loads(output)
    except ValueError:
        return output
    values: JSON = cast("JSON", value) if isinstance(value, dict) else {}
    if not values or any(isinstance(each, dict | list) for each in values.values()):
        return output
    return ", ".join(f"{name}: {value}" for name, value in values.items())


def _need_head(tools: Sequence[ToolSpec]) -> Iterator[LLMMessage]:
    yield LLMMessage("system", INSTRUCTIONS.format(functions="\n".join(map(_described_shortly, tools))))
    pairs = [examples_of(tool) for tool in tools[:MOST_EXAMPLES]]
    examples = [(each.ask, [each.tool]) for each in (*(one for one, _ in pairs), *(other for _, other in pairs))]
    examples[len(pairs) : len(pairs)] = [
        (both_of(tool)[0], [tool.name] * 2) for tool in tools[:MOST_EXAMPLES] if is_asked(tool)
    ]
    shown = 0
    for place, (ask, names) in enumerate(examples):
        yield from _shown(ask, _json(names))
        until = round((place + 1) * len(NO_TOOL) / len(examples))
        for needless in NO_TOOL[shown:until]:
            yield from _shown(needless, NONE)
        shown = until


def _calls_head(tools: Sequence[ToolSpec]) -> Iterator[LLMMessage]:
    yield LLMMessage("system", CALLS.format(functions="\n".join(map(_described, tools))))
    pairs = [examples_of(tool) for tool in tools[:MOST_EXAMPLES]]
    for place, (one, other) in enumerate(pairs):
        following = pairs[(place + 1) % len(pairs)][0]
        both_asked, both = both_of(tools[place])
        for asked, calls in (
            (one.ask, [one]),
            (both_asked, both),
            (other.ask, [other]),
            (f"{other.ask}, and {following.ask[:1].lower()}{following.ask[1:]}", [other, following]),
        ):
            yield from _exchange(asked, [_call(each) for each in calls])
            yield LLMMessage("assistant", NONE)


def _exchange(asked: str, calls: Sequence[str]) -> Iterator[LLMMessage]:
    """A message, the calls that it asks for one after another, and the question for the next."""
    yield LLMMessage("user", asked)
    for call in calls:
        yield LLMMessage("assistant", call)
        yield LLMMessage("user", NEXT)


def _shown(ask: str, answer: str) -> Iterator[LLMMessage]:
    yield LLMMessage("user", ask)
    yield LLMMessage("assistant", answer)


def _call(example: ToolExample) -> str:
    return _json([{"name": example.tool, "arguments": example.arguments}])


def _called(name: str, arguments: str) -> str:
    return f'[{{"name": {_json(name)}, "arguments": {arguments}}}]'


def _described_shortly(tool: ToolSpec) -> str:
    return f"{_signature(tool)} - {tool.description}"


def _signature(tool: ToolSpec) -> str:
    required = cast("list[str]", tool.parameters.get("required") or [])
    properties: Mapping[str, JSON] = tool.parameters.get("properties") or {}
    parts = (
        f"{name}{'' if name in required else '?'}: {_type(resolved(each, tool.parameters))}"
        for name, each in properties.items()
    )
    return f"{tool.name}({', '.join(parts)})"


def _type(schema: JSON) -> str:
    if choices := schema.get("enum"):
        return "|".join(map(str, choices))
    return str(schema.get("type", "any"))


def _described(tool: ToolSpec) -> str:
    properties: Mapping[str, JSON] = tool.parameters.get("properties") or {}
    told = [f"{name}: {each['description']}" for name, each in properties.items() if each.get("description")]
    return "\n  ".join((_described_shortly(tool), *told))


def _last_asked(messages: Sequence[LLMMessage]) -> str:
    return next((message.content for message in reversed(messages) if message.role == "user"), "")


def _list(items: JSON, *, least: int) -> JSON:
    return {"type": "array", "items": items, "minItems": least, "maxItems": MOST_CALLS}


def _object(properties: JSON) -> JSON:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


_NAMED = frozenset({"properties", "$defs", "definitions"})
_TOLD = frozenset({"title", "description", "default", "examples", "$schema", "$id"})
_BEYOND = frozenset({"pattern", "format", "patternProperties", "propertyNames", "if", "then", "else", "not"})
"""Not all that servers make a grammar of; some refuse a schema that holds them. What is left out is checked later."""


def enforceable(schema: JSON) -> dict[str, Any]:
    """The schema without what servers do not enforce."""
    kept: dict[str, Any] = {}
    for key, value in schema.items():
        if key in _NAMED and isinstance(value, Mapping):
            named = cast("Mapping[str, object]", value)
            kept[key] = {name: _enforceable(each) for name, each in named.items()}
        elif key not in _TOLD | _BEYOND:
            kept[key] = value if key in {"enum", "const"} else _enforceable(value)
    return kept


def _enforceable(value: object) -> object:
    if isinstance(value, Mapping):
        return enforceable(cast("JSON", value))
    if isinstance(value, list):
        return [_enforceable(each) for each in cast("list[object]", value)]
    return value


def _with_own_definitions(name: str, schema: dict[str, Any]) -> dict[str, Any]:
    """The schema with definitions that no other tool's take the names of."""
    written = json.dumps(schema)
    for key in ("$defs", "definitions"):
        written = written.replace(f'"#/{key}/', f'"#/{key}/{name}.')
    own: dict[str, Any] = json.loads(written)
    for key in ("$defs", "definitions"):
        if key in own:
            own[key] = {f"{name}.{each}": value for each, value in own[key].items()}
    return own


_BEGUN = re.compile(r'\{\s*"name"\s*:\s*"([^"]+)"\s*(?:,\s*"arguments"\s*:\s*(.*))?', re.DOTALL)


def _items(text: str) -> tuple[list[JSON], str]:
    """The objects of a JSON list, and what is left of one that was cut off."""
    decoder = json.JSONDecoder()
    rest = text.lstrip().removeprefix("[").lstrip()
    items: list[JSON] = []
    while rest and not rest.startswith("]"):
        try:
            item, end = decoder.raw_decode(rest)
        except (ValueError, RecursionError):
            return items, rest
        if isinstance(item, dict):
            items.append(cast("JSON", item))
        rest = rest[end:].lstrip().removeprefix(",").lstrip()
    return items, ""


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)
