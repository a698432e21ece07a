"""Prompts by which a small model chooses among tools, and what its answers mean. No I/O.

A model of half a billion weights that is given tools the usual way calls one for every greeting, or none at all, and
writes what is no JSON. What it can do is to go on with a pattern. So it is asked more than once, each time under a
schema that its server enforces: whether any tool is needed, after examples that are made of the tools' own
descriptions, among as many that need none; and if so, for one call after the other, after examples of calls. Nearly all
of a prompt is the same for all messages, so the server's KV cache has it, and the first token of the first answer
decides: ``[]`` is no tool. That token is made a little less likely (`NEED_BIAS`).

Whether a second call is needed the model does not know. So each clause that no call has taken anything from is asked
about as if it were a message that goes on with the whole one; its call counts if it takes something from the clause
that no call before it has taken (`Choosing.adds`).

Measured with the starter model by `benchmarks.tools`. What did worse: ``null`` or ``none`` for no tool, all answers in
one go, all calls in one list, examples without questions, arguments asked for behind the names.
"""

import json
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias, cast

from myna.core.errors import EngineRefused
from myna.core.tools import JSON, ToolSpec
from myna.engines.base import LLMMessage
from myna.engines.llm.enforceable import enforceable, with_own_definitions
from myna.engines.llm.grounding import (
    adds,
    chooses_another,
    copied,
    is_copied,
    is_invented,
    mistaken_number,
    numbers_meant,
    spelt_as_said,
    untouched,
)
from myna.engines.llm.said_numbers import late_hours, numbers_said
from myna.engines.llm.said_values import SaidValues, on_a_24_hour_clock, parts_of
from myna.engines.llm.small_talk import NO_TOOL
from myna.engines.llm.sound_schema import sound_schema
from myna.engines.llm.token_estimate import estimate_tokens
from myna.engines.llm.tool_examples import ToolExample, both_of, examples_of, is_asked, resolved
from myna.engines.llm.value_names import as_named
from myna.engines.llm.written_calls import Written, read_calls

MOST_CALLS = 8
MOST_EXAMPLES = 12
"""Tools that examples are made of; all others are only described."""
MOST_TOKENS = 4096
"""What the part of a prompt takes that is the same for all messages; no more than half of the context either."""
LONGEST_ASKED = 3_000
"""Characters of a message that the choice is made by: what is pasted is read for the reply, and not twice more."""
LONGEST_GOING_ON = 40
"""Characters of a message that may go on with the one before it."""

NONE = "[]"
NEED_BIAS = -1.2
"""How much more likely no tool is made where nothing else is known; see `needs_bias`."""

NEXT = "Which other call does the message ask for? [] if that was all."

_AND = r"(?<!hundred )(?<!thousand )and(?! a (?:half|quarter))"
_SEVERAL = re.compile(
    rf"[,;、，；。！？!?\n+&]|\.\s|(?i:\b(?:{_AND}|also|then|plus|both|as well|after that)\b)"
    r"|[和与跟及还再另各]|然后|以及|并且|同时|接着"
)

INSTRUCTIONS = (
    "Which functions does the user's message need? Answer with a JSON list of calls; [] if it is talk or a question "
    "that can be answered from knowledge.\nFunctions:\n{functions}\n"
    "[] - anything else: greetings, jokes, feelings, knowledge, opinions, thanks"
)
CALLS = (
    "Answer with the function calls that the user's message asks for, as a JSON list. Take the values from the message."
    "\nFunctions:\n{functions}"
)


_Head: TypeAlias = Callable[[Sequence[ToolSpec], int], Iterable[LLMMessage]]
"""Writes the beginning of a prompt, with examples for so many of the tools."""


@dataclass(frozen=True, slots=True)
class Asked:
    """The last of the user's messages, and what it may go on with.

    Attributes:
        text: What it says; without its middle, if it is longer than `LONGEST_ASKED`.
        before: The message before it, if that was answered with calls and this one is short: "and in Rome?"
        called: Those calls: names, and arguments as JSON texts.
    """

    text: str
    before: str = ""
    called: tuple[tuple[str, str], ...] = ()

    @classmethod
    def last_of(cls, messages: Sequence[LLMMessage]) -> "Asked":
        """What the end of a conversation asks for."""
        spoken = [place for place, message in enumerate(messages) if message.role == "user"]
        if not spoken:
            return cls("")
        text = _shortened(_said(messages[spoken[-1]]))
        if len(spoken) < 2 or len(text) > LONGEST_GOING_ON:
            return cls(text)
        round_ = messages[spoken[-2] : spoken[-1]]
        called = tuple(dict.fromkeys((call.name, call.arguments) for one in round_ for call in one.tool_calls))
        return cls(text, _shortened(_said(round_[0])), called) if called else cls(text)

    @property
    def clauses(self) -> tuple[str, ...]:
        """Its parts, where it may ask for several things."""
        parts = [part.strip(" .。?？!！") for part in _SEVERAL.split(self.text)]
        return tuple(dict.fromkeys(part for part in parts if len(part) > 1))

    @property
    def late_hours(self) -> dict[int, int]:
        """The hours that it says to be after noon, as a 24-hour clock has them; see `said_numbers.late_hours`."""
        parts = [(numbers_said(clause), late_hours(clause)) for clause in self.clauses]
        late = {hour: at for _, hours in parts for hour, at in hours.items()}
        return {hour: at for hour, at in late.items() if all(hour in hours for said, hours in parts if hour in said)}


class Choosing:
    """The choice among some tools."""

    def __init__(self, tools: Sequence[ToolSpec], context_tokens: int | None = None) -> None:
        self._tools = {tool.name: replace(tool, parameters=sound_schema(tool.parameters)) for tool in tools}
        self._room = min(MOST_TOKENS, (context_tokens or 2 * MOST_TOKENS) // 2)

    def need_prompt(self, asked: Asked) -> tuple[LLMMessage, ...]:
        """Asks whether a message needs tools."""
        before = _shown(asked.before, _json([name for name, _ in asked.called])) if asked.called else ()
        return (*self._head(_need_head), *before, LLMMessage("user", asked.text))

    def need_schema(self) -> JSON:
        """What the answer to it has to be: the names of tools, which are not to be read on."""
        return _list({"enum": list(self._tools)}, least=0)

    def calls_prompt(self, asked: Asked) -> tuple[LLMMessage, ...]:
        """Asks for a call that a message needs."""
        before = [*_exchange(asked.before, [_called(*call) for call in asked.called])][:-1] if asked.called else ()
        return (*self._head(_calls_head), *before, LLMMessage("user", asked.text))

    def calls_schema(self, names: Collection[str] | None = None, said: SaidValues | None = None) -> JSON:
        """What the answer to it has to be.

        ``names`` are the only tools that may be called, ``said`` are the only values.

        Raises:
            EngineRefused: One of ``names`` is no tool.
        """
        for name in names or ():
            if name not in self._tools:
                raise EngineRefused(f"There is no tool {name} to be called.", hint="It may have gone meanwhile.")
        calls: list[JSON] = []
        definitions: dict[str, Any] = {}
        for tool in self._tools.values():
            if names is not None and tool.name not in names:
                continue
            held = tool.parameters if said is None else said.hold(tool.parameters)
            parameters = with_own_definitions(tool.name, enforceable(held))
            for key in ("$defs", "definitions"):
                definitions.setdefault(key, {}).update(parameters.pop(key, {}))
            parameters = {"additionalProperties": False, **parameters, "type": "object"}
            calls.append(_object({"name": {"const": tool.name}, "arguments": parameters}))
        one = {**_list({"anyOf": calls}, least=1), "maxItems": 1}
        return {**one, **{key: each for key, each in definitions.items() if each}}

    def adds(self, arguments: str, asked: Asked) -> bool:
        """Whether a call takes something from a message that no call before it has taken."""
        return adds(arguments, asked.text, [before for _, before in asked.called])

    def chooses_another(self, name: str, arguments: str, asked: Asked) -> bool:
        """Whether a call is unlike all before it in a value that its tool lists, and that is not in their script."""
        tool = self._tools.get(name)
        return tool is not None and chooses_another(tool, arguments, asked.text, asked.called)

    def is_open(self, asked: Asked, made: Sequence[tuple[str, str]], clause: str) -> bool:
        """Whether the calls ``made`` for a message have nothing from this clause of it."""
        return clause in untouched(asked.clauses, [arguments for _, arguments in made])

    def doubted(self, name: str, arguments: str, asked: Asked) -> SaidValues | None:
        """What values a call can have if one of its own is doubtful: a text of an example, or a number nobody said."""
        tool, said = self._tools.get(name), f"{asked.before} {asked.text}".strip()
        if tool is None:
            return None
        strange = bool(copied(tool, arguments, said))
        misheard = mistaken_number(tool, arguments, said)
        if not strange and not misheard:
            return None
        return SaidValues(parts_of(f"{asked.text}\n{asked.before}") if strange else (), numbers_meant(said))

    def settled(self, name: str, arguments: str, asked: Asked) -> tuple[str, str]:
        """A call with words spelt as they were said, and hours on a 24-hour clock, where the tool has one."""
        if (tool := self._tools.get(name)) is None:
            return name, arguments
        spelt = spelt_as_said(tool, arguments, f"{asked.before} {asked.text}")
        return name, on_a_24_hour_clock(tool, spelt, asked.late_hours)

    def invents(self, name: str, arguments: str, asked: Asked) -> bool:
        """Whether a call takes nothing from a message, or was made for the one before: then this one needs no tool."""
        if (name, arguments) in asked.called and asked.text != asked.before:
            return True
        tool = self._tools.get(name)
        return tool is not None and is_invented(tool, arguments, f"{asked.before} {asked.text}".strip())

    def copies(self, name: str, arguments: str, asked: Asked) -> bool:
        """Whether a call has nothing but what the examples have."""
        tool = self._tools.get(name)
        return tool is not None and is_copied(tool, arguments, f"{asked.before} {asked.text}".strip())

    def read_calls(self, text: str, asked: Asked = Asked("")) -> Written:
        """The calls in an answer to it, which may be cut off, each once, with the listed values that the message names.

        Without ``asked``, with those that the model wrote.
        """
        written = read_calls(text)
        return replace(written, whole=tuple(dict.fromkeys(self._as_named(*call, asked) for call in written.whole)))

    def _as_named(self, name: str, arguments: str, asked: Asked) -> tuple[str, str]:
        tool = self._tools.get(name)
        return name, as_named(tool, arguments, asked.text, asked.clauses) if tool else arguments

    def _head(self, write: _Head) -> tuple[LLMMessage, ...]:
        """What is the same for all messages, with as many examples as there is room for."""
        tools = tuple(self._tools.values())
        for shown in (MOST_EXAMPLES, MOST_EXAMPLES // 2, MOST_EXAMPLES // 4, 1):
            head = tuple(write(tools, shown))
            if estimate_tokens(head) <= self._room:
                return head
        head = tuple(write([_bare(tool) for tool in tools], 1))
        if estimate_tokens(head) <= self._room:
            return head
        raise EngineRefused(
            f"{len(tools)} tools are too many to choose from in a context of this length.",
            hint="Give the persona or the agent fewer tools, or the LLM a longer context.",
        )


def needs_bias(near: float | None) -> tuple[str, float]:
    """How much more likely no tool is made in the answer to `Choosing.need_prompt`, by `Nearness.of` the message.

    Of 81 messages that are near neither way (270 in all), 1 that needs a tool is missed so, and 9 others are taken for
    one; the calls of most of these are invented (`Choosing.invents`).
    """
    return NONE, NEED_BIAS if near is None else -2 - 16 * near


def is_none(text: str) -> bool | None:
    """Whether an answer, as far as it has come, chooses no tool; None while that is open."""
    begun = text.lstrip().removeprefix("[").lstrip()
    return begun.startswith("]") if begun else None


def has_results(messages: Sequence[LLMMessage]) -> bool:
    """Whether the tools have been called already that the last of the user's messages needs."""
    return bool(messages) and messages[-1].role == "tool"


def _need_head(tools: Sequence[ToolSpec], most_shown: int) -> Iterator[LLMMessage]:
    yield LLMMessage("system", INSTRUCTIONS.format(functions="\n".join(map(_described_shortly, tools))))
    pairs = [examples_of(tool) for tool in tools[:most_shown]]
    examples = [(each.ask, [each.tool]) for each in (*(one for one, _ in pairs), *(other for _, other in pairs))]
    examples[len(pairs) : len(pairs)] = [
        (both_of(tool)[0], [tool.name] * 2) for tool in tools[:most_shown] if is_asked(tool)
    ]
    shown = 0
    for place, (ask, names) in enumerate(examples):
        yield from _shown(ask, _json(names))
        until = round((place + 1) * len(NO_TOOL) / len(examples))
        for needless in NO_TOOL[shown:until]:
            yield from _shown(needless, NONE)
        shown = until


def _calls_head(tools: Sequence[ToolSpec], most_shown: int) -> Iterator[LLMMessage]:
    yield LLMMessage("system", CALLS.format(functions="\n".join(map(_described, tools))))
    pairs = [examples_of(tool) for tool in tools[:most_shown]]
    for place, (one, other) in enumerate(pairs):
        following = pairs[(place + 1) % len(pairs)][0]
        both_asked, both = both_of(tools[place])
        one_and_next = f"{one.ask}, and {following.ask[:1].lower()}{following.ask[1:]}"
        kinds = ((one.ask, [one]), (both_asked, both)), ((other.ask, [other]), (one_and_next, [one, following]))
        for asked, calls in kinds[
            1 - place % 2
        ]:  # both kinds for each tool are no better, and take twice as long to read
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


def _bare(tool: ToolSpec) -> ToolSpec:
    """The tool with the first sentence of its description, and its parameters without theirs."""
    properties: Mapping[str, JSON] = tool.parameters.get("properties", {})
    bare = {name: {**each, "description": ""} for name, each in properties.items()}
    return ToolSpec(tool.name, tool.summary, {**tool.parameters, "properties": bare})


def _said(message: LLMMessage) -> str:
    return message.content if message.said is None else message.said


def _shortened(text: str) -> str:
    if len(text) <= LONGEST_ASKED:
        return text
    head = LONGEST_ASKED * 2 // 3
    return f"{text[:head]}\n…\n{text[head - LONGEST_ASKED :]}"


def _list(items: JSON, *, least: int) -> JSON:
    return {"type": "array", "items": items, "minItems": least, "maxItems": MOST_CALLS}


def _object(properties: JSON) -> JSON:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)
