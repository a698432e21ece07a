"""ReAct: the model thinks, calls one tool, sees what came of it, and thinks again, until it can answer.

After Yao et al., "ReAct: Synergizing Reasoning and Acting in Language Models", 2022. Of use with models that have not
learnt to call tools, and where somebody wants to read why a tool was called.

Where the LLM keeps to a schema (`Work.constrains`), each thought is a JSON object of its own, with an action and
arguments that are always valid, and the answer comes when it chose to answer, as any other reply. Else the model writes
thought, action and answer as text, which `ReActReader` takes apart as it comes.
"""

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import Any

from myna.core.ids import new_call_id
from myna.core.tools import JSON, NamedTool, ToolCall, ToolSpec
from myna.engines.base import (
    FailedOver,
    Finished,
    LLMMessage,
    LLMRequest,
    Loading,
    ReasoningDelta,
    Sampling,
    TextDelta,
    Usage,
)
from myna.engines.llm.tool_examples import arguments_of
from myna.engines.usage import added
from myna.text.thinking import Thinking
from myna.tools.base import RoundEnded, Step, Work
from myna.tools.json_schema import properties_of
from myna.tools.react_text import ReActReader, read_action
from myna.tools.rounds import answered, ask, call_key, circling, run_calls
from myna.tools.strategy_prompts import ask_apart, finding, in_a_line, instructed, listed, with_findings

DECISION_TOKENS = 512
"""So long may a thought be, with an action and its arguments."""

MOST_EXAMPLES = 8
"""Tools that a small model is shown by example; of others it is only told.

No example holds an observation: with one, the starter model answered at once in place of calling."""

_WRITTEN = """You answer in steps, and may use tools. Each of your messages has one of two forms.

To use a tool:
Thought: what you need to know
Action: the name of one tool
Action Input: its arguments, as a JSON object

You are then told what came of it: "Observation: …". When you know enough, or where no tool is of use:
Thought: why you can answer
Final Answer: the answer for the user, in the language of the user

The tools:
{tools}"""

_GO_ON = 'Go on: write "Action:" and "Action Input:" to use a tool, or "Final Answer:" and the answer.'

_DECIDED = """Decide what is to be done next. Answer with a JSON object: "thought" says what for, "action" is one of \
the tools, "input" its arguments. The action "answer" is for all that needs no tool, and for when everything is known.

The tools:
{tools}
- answer: greetings, talk, feelings, jokes, opinions, thanks, general knowledge, and when all that was asked is done"""

_NO_TOOL = (
    ("Hello!", "A greeting."),
    ("Tell me a story.", "Talk."),
    ("谢谢！", "Thanks."),
    ("What is the tallest mountain?", "General knowledge."),
    ("你叫什么名字？", "Talk about me."),
    ("为什么要睡觉？", "General knowledge."),
)


@dataclass(frozen=True, slots=True)
class _Decision:
    """What the model wants next: a call, or to answer; ``answered``: it has. Neither: it did not say.

    ``shown`` is text that went out before the call.
    """

    finished: Finished
    thought: str = ""
    call: ToolCall | None = None
    answered: bool = False
    shown: str = ""


async def react(request: LLMRequest, work: Work) -> None:
    """Answer ``request`` as `myna.tools.base.Strategy` says.

    Each thought is told as a `ReasoningDelta`. One tool is called at a time. A client's own tool ends the reply. A
    choice that was forced holds for the first step, where the LLM keeps to a schema. When all steps are used up, and
    when the model does not find its way, it is asked to answer with what is known.

    Raises:
        EngineError: The LLM failed.
    """
    decide = _decide if work.constrains else _write
    question = request
    findings: list[str] = []
    thoughts: dict[str, str] = {}
    made: Counter[tuple[str, str]] = Counter()
    usage: Usage | None = None
    stray = ""  # what the model thought last, if it came to nothing
    for _ in range(work.most_rounds if request.tools and request.tool_choice != "none" else 0):
        decision = await decide(request, work, thoughts, stray)
        usage = added(usage, decision.finished.usage)
        if decision.thought:
            await work.tell(ReasoningDelta(f"{decision.thought}\n"))
        if decision.answered:
            await work.tell(Finished(decision.finished.reason, usage))
            return
        if (call := decision.call) is None:
            await work.tell(RoundEnded(decision.finished))
            if work.constrains or stray:
                break
            stray = f"Thought: {decision.thought}"
            continue
        if _is_clients(call, request, work):
            await work.tell(call)
            await work.tell(Finished("tool_calls", usage))
            return
        if work.constrains and call_key(call) in made:  # at temperature 0 it goes round in circles
            await work.tell(RoundEnded(decision.finished))
            break
        stray = ""
        refused = circling([call], made)
        results = await run_calls([call], work, refused)
        await work.tell(RoundEnded(decision.finished))
        thoughts[call.id] = decision.thought
        findings.append(finding(call, results[0]))
        more = answered(decision.shown, [call], results)
        request = replace(request, messages=(*request.messages, *more), tool_choice="auto")
        if refused:
            break
    messages = with_findings(question.messages, findings)
    last = replace(question, messages=messages, tool_choice="none")
    finished = (await ask(last, work)).finished if work.constrains or not question.tools else await _last(last, work)
    await work.tell(Finished(finished.reason, added(usage, finished.usage)))


def _is_clients(call: ToolCall, request: LLMRequest, work: Work) -> bool:
    return work.tools.find(call.name) is None and any(tool.name == call.name for tool in request.tools)


# -------------------------------------------------------------------------------------------------- as a JSON object


async def _decide(request: LLMRequest, work: Work, thoughts: Mapping[str, str], _stray: str) -> _Decision:
    tools, may_answer = _choice(request)
    told = "\n\n".join(message.content for message in request.messages if message.role == "system")
    rules = _DECIDED.format(tools=listed(tools)) + (f"\n\nWhat else you were told:\n{told}" if told else "")
    talk = [message for message in request.messages if message.role != "system"]
    what_for = {tool.name: in_a_line(tool.description) for tool in tools}
    asked = replace(
        request,
        messages=(LLMMessage("system", rules), *_examples(tools), *_as_objects(talk, thoughts, what_for)),
        sampling=Sampling(temperature=0, max_tokens=DECISION_TOKENS, seed=request.sampling.seed),
        output_schema=_decision_schema(tools, may_answer=may_answer),
        reasoning=False,
    )
    answer = await ask_apart(asked, work)
    try:
        decision: Any = json.loads(answer.text)
        thought, action = str(decision["thought"]), str(decision["action"])
    except (ValueError, TypeError, KeyError):  # cut off, or a server that does not keep to it
        action, arguments = read_action(answer.text, "", request.tools)
        call = ToolCall(new_call_id(), action, arguments) if action in what_for else None
        return _Decision(answer.finished, call=call)
    if action == "answer":
        return _Decision(answer.finished, thought)
    arguments = json.dumps(decision.get("input", {}), ensure_ascii=False)
    return _Decision(answer.finished, thought, ToolCall(new_call_id(), action, arguments))


def _choice(request: LLMRequest) -> tuple[Sequence[ToolSpec], bool]:
    """The tools that may be called now, and whether the model may answer instead."""
    choice = request.tool_choice
    if isinstance(choice, NamedTool):
        return [tool for tool in request.tools if tool.name == choice.name] or request.tools, False
    return request.tools, choice != "required"


def _decision_schema(tools: Sequence[ToolSpec], *, may_answer: bool) -> JSON:
    options = [_option(tool.name, _limits(tool.parameters)) for tool in tools]
    return {"anyOf": [*options, _option("answer")] if may_answer else options}


def _option(action: str, arguments: JSON | None = None) -> JSON:
    properties: dict[str, JSON] = {"thought": {"type": "string", "maxLength": 160}, "action": {"const": action}}
    if arguments is not None:
        properties["input"] = arguments
    return {"type": "object", "properties": properties, "required": list(properties), "additionalProperties": False}


def _limits(parameters: JSON) -> JSON:
    if "$defs" in parameters or not properties_of(parameters):  # references do not lead out of a part of a schema
        return {"type": "object"}
    return {"additionalProperties": False, **parameters}


def _examples(tools: Sequence[ToolSpec]) -> Iterator[LLMMessage]:
    """What is asked with a tool's own description, and how it is called; between them talk that needs none."""
    for place, tool in enumerate(tools[:MOST_EXAMPLES]):
        what_for = in_a_line(tool.description)
        arguments = arguments_of(tool, place)
        values = ", ".join(each if isinstance(each, str) else json.dumps(each) for each in arguments.values())
        yield LLMMessage("user", f"{what_for.rstrip('.')}: {values}" if values else what_for)
        yield LLMMessage("assistant", _as_object(what_for, tool.name, arguments))
        said, thought = _NO_TOOL[place % len(_NO_TOOL)]
        yield LLMMessage("user", said)
        yield LLMMessage("assistant", _as_object(thought, "answer"))


def _as_objects(
    messages: Sequence[LLMMessage], thoughts: Mapping[str, str], what_for: Mapping[str, str]
) -> Iterator[LLMMessage]:
    results = _results(messages)
    for message in messages:
        for call in message.tool_calls:
            thought = thoughts.get(call.id) or what_for.get(call.name, "")
            yield LLMMessage("assistant", _as_object(thought, call.name, _parsed(call.arguments)))
            yield LLMMessage("user", f"Observation: {results.get(call.id, 'none')}")
        if message.role != "tool" and not message.tool_calls:
            yield message


def _as_object(thought: str, action: str, arguments: object = None) -> str:
    said = {"thought": thought, "action": action} | ({} if arguments is None else {"input": arguments})
    return json.dumps(said, ensure_ascii=False)


def _parsed(arguments: str) -> object:
    try:
        return json.loads(arguments)
    except ValueError:
        return arguments


# ----------------------------------------------------------------------------------------------------------- as text


async def _write(request: LLMRequest, work: Work, thoughts: Mapping[str, str], stray: str) -> _Decision:
    messages = instructed(tuple(_as_text(request.messages, thoughts)), _WRITTEN.format(tools=listed(request.tools)))
    if stray:
        messages = (*messages, LLMMessage("assistant", stray), LLMMessage("user", _GO_ON))
    stop = (*request.sampling.stop, "\nObservation:")
    asked = replace(
        request, messages=messages, tools=(), tool_choice="auto", sampling=replace(request.sampling, stop=stop)
    )
    thinking = Thinking()
    reader = ReActReader(request.tools)
    finished = Finished("stop")
    shown: list[str] = []

    async def show(text: str) -> None:
        if text:
            shown.append(text)
            await work.tell(TextDelta(text))

    async with aclosing(work.generate(asked)) as deltas:
        async for delta in deltas:
            if isinstance(delta, TextDelta):
                await show(reader.feed(thinking.feed(delta.text)))
                if reader.over:
                    break
            elif isinstance(delta, ReasoningDelta | Loading | FailedOver):
                await work.tell(delta)
            elif isinstance(delta, Finished):
                finished = delta
    await show(reader.feed(thinking.finish()))
    await show(reader.finish())
    if not reader.action and not reader.call:
        return _Decision(finished, reader.thought, answered=bool(shown))
    name, arguments = reader.call or read_action(reader.action, reader.input, request.tools)
    return _Decision(finished, reader.thought, ToolCall(new_call_id(), name, arguments), shown="".join(shown))


async def _last(request: LLMRequest, work: Work) -> Finished:
    """Have the model answer; one that goes on in steps all the same has thought the answer, if it wrote none."""
    reader = ReActReader(request.tools)
    shown = False

    async def show(text: str) -> None:
        nonlocal shown
        if text:
            shown = True
            await work.tell(TextDelta(text))

    async def tell(step: Step) -> None:
        await (show(reader.feed(step.text)) if isinstance(step, TextDelta) else work.tell(step))

    answer = await ask(request, replace(work, tell=tell))
    await show(reader.finish())
    if not shown:
        await show(reader.thought)
    return answer.finished


def _as_text(messages: Sequence[LLMMessage], thoughts: Mapping[str, str]) -> Iterator[LLMMessage]:
    results = _results(messages)
    for message in messages:
        for call in message.tool_calls:
            thought = thoughts.get(call.id) or f"I use {call.name}."
            said = f"Thought: {thought}\nAction: {call.name}\nAction Input: {call.arguments}"
            yield LLMMessage("assistant", said)
            yield LLMMessage("user", f"Observation: {results.get(call.id, 'none')}")
        if message.role != "tool" and not message.tool_calls:
            yield message


def _results(messages: Sequence[LLMMessage]) -> dict[str, str]:
    return {message.tool_call_id: message.content for message in messages if message.tool_call_id}
