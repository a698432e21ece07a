"""Answering with the tools that the model calls by itself: it is asked, its tools are run, and it is asked again."""

import json
from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace

import anyio

from myna.core.errors import BadInput, EngineRefused
from myna.core.ids import new_call_id
from myna.core.tools import ToolCall, ToolResult
from myna.engines.base import Finished, LLMMessage, LLMRequest, ReasoningDelta, TextDelta, ToolCallDelta, Usage
from myna.tools.base import CallEnded, CallStarted, RoundEnded, Step, Tool, Work

MOST_CALLS = 64
"""In one answer of the model."""

MOST_ALIKE = 3
"""So often a tool is called with the same arguments in one reply; a model that asks again goes round in circles."""


async def call_tools(request: LLMRequest, work: Work) -> None:
    """Answer ``request`` as `myna.tools.base.Strategy` says.

    The tools of one round run side by side. Calls of the client's own tools end the reply: they are told when the
    server's have ended. A choice that was forced holds for the first round; after the last the model is asked without
    tools.

    Raises:
        EngineError: The LLM failed, or called a tool though it was offered none.
    """
    usage: Usage | None = None
    made: Counter[tuple[str, str]] = Counter()
    clients = {tool.name for tool in request.tools if work.tools.find(tool.name) is None}
    left = work.most_rounds
    while True:
        answer = await ask(request, work)
        usage = added(usage, answer.finished.usage)
        if not answer.calls:
            break
        if not request.tools or request.tool_choice == "none":
            if left < work.most_rounds and answer.text.strip():
                break  # it was to answer at last, and has
            raise EngineRefused("The LLM called a tool, and it was offered none.", hint="Try again, or another model.")
        own = [call for call in answer.calls if call.name not in clients]
        refused = circling(own, made)
        results = await run_calls(own, work, refused)
        if len(own) < len(answer.calls):
            for call in answer.calls:
                if call.name in clients:
                    await work.tell(call)
            break
        await work.tell(RoundEnded(answer.finished))
        left -= 1
        request = replace(
            request,
            messages=(*request.messages, *answered(answer.text, own, results)),
            tool_choice="none" if left <= 0 or len(refused) == len(own) else "auto",
        )
    await work.tell(Finished(answer.finished.reason, usage))


@dataclass(slots=True)
class Answer:
    """What the model said and called when it was asked once."""

    finished: Finished = field(default_factory=lambda: Finished("stop"))
    pieces: list[str] = field(default_factory=list[str])
    begun: dict[int, ToolCall] = field(default_factory=dict[int, ToolCall])

    @property
    def text(self) -> str:
        """All of its text."""
        return "".join(self.pieces)

    @property
    def calls(self) -> list[ToolCall]:
        """Its calls, in their order."""
        return [self.begun[index] for index in sorted(self.begun)]


async def ask(request: LLMRequest, work: Work) -> Answer:
    """Have the model answer once, and tell its text as it comes.

    Raises:
        EngineError: It failed.
    """
    answer = Answer()
    seen = {call.id for message in request.messages for call in message.tool_calls}
    async with aclosing(work.generate(request)) as deltas:
        async for delta in deltas:
            match delta:
                case TextDelta(text):
                    answer.pieces.append(text)
                    await work.tell(delta)
                case ReasoningDelta():
                    await work.tell(delta)
                case ToolCallDelta():
                    _join(answer.begun, delta, seen)
                case Finished():
                    answer.finished = delta
    return answer


def _join(begun: dict[int, ToolCall], delta: ToolCallDelta, seen: Collection[str]) -> None:
    call = begun.get(delta.index)
    if call is None:
        if len(begun) >= MOST_CALLS:
            raise EngineRefused(f"The LLM called more than {MOST_CALLS} tools at a time.")
        # Some servers give no ids, and others begin to count anew with each answer.
        call = ToolCall(delta.id if delta.id and delta.id not in seen else new_call_id(), "", "")
    begun[delta.index] = ToolCall(call.id, call.name or delta.name or "", call.arguments + delta.arguments)


_NONE: Mapping[str, ToolResult] = {}


async def run_calls(
    calls: Sequence[ToolCall], work: Work, refused: Mapping[str, ToolResult] = _NONE
) -> list[ToolResult]:
    """Run calls of the server's tools side by side, telling each; give the results in the order of the calls.

    ``refused`` are those that are not run, by their ids, with what the model is told instead.
    """
    results = [ToolResult("", "cancelled")] * len(calls)
    telling = anyio.Lock()

    async def tell(step: Step) -> None:
        async with telling:
            await work.tell(step)

    async def run(place: int, call: ToolCall) -> None:
        results[place], took_ms = await _run(call, work, tell, refused.get(call.id))
        work.keep(call, results[place])
        await tell(CallEnded(call, results[place], took_ms))

    if calls:
        await work.before_tools()
        async with anyio.create_task_group() as running:
            for place, call in enumerate(calls):
                running.start_soon(run, place, call)
    return results


async def _run(
    call: ToolCall, work: Work, tell: Callable[[Step], Awaitable[None]], refused: ToolResult | None
) -> tuple[ToolResult, float]:
    tool = work.tools.find(call.name)
    asks = tool is not None and refused is None and tool.confirm and _fits(tool, call)
    await tell(CallStarted(call, asks))
    if refused is None and asks:
        refused = await work.allow(call)
    if refused is not None:
        return refused, 0.0
    began = anyio.current_time()
    result = await work.tools.run(call, late=work.late)
    return result, (anyio.current_time() - began) * 1000


def _fits(tool: Tool, call: ToolCall) -> bool:
    """Whether it is worth asking the user: a call that does not fit is refused by the tool."""
    try:
        tool.check(json.loads(call.arguments))
    except (ValueError, BadInput):
        return False
    return True


def answered(text: str, calls: Sequence[ToolCall], results: Sequence[ToolResult]) -> tuple[LLMMessage, ...]:
    """What a round adds to the prompt of the next."""
    told = (
        LLMMessage("tool", result.output, tool_call_id=call.id) for call, result in zip(calls, results, strict=True)
    )
    return (LLMMessage("assistant", text, tool_calls=tuple(calls)), *told)


def added(one: Usage | None, other: Usage | None) -> Usage | None:
    """The usage of two answers together, as far as the server told it."""
    if one is None or other is None:
        return one or other
    cached = None if one.cached_tokens is None else one.cached_tokens + (other.cached_tokens or 0)
    return Usage(one.prompt_tokens + other.prompt_tokens, one.completion_tokens + other.completion_tokens, cached)


def circling(calls: Sequence[ToolCall], made: Counter[tuple[str, str]]) -> dict[str, ToolResult]:
    """Count ``calls`` in ``made``; those that were made too often, by id, with what the model is told instead."""
    refused: dict[str, ToolResult] = {}
    for call in calls:
        made[call_key(call)] += 1
        if made[call_key(call)] > MOST_ALIKE:
            refused[call.id] = ToolResult(
                f"{call.name} was called {MOST_ALIKE} times with these arguments. Answer with what is known.", "refused"
            )
    return refused


def call_key(call: ToolCall) -> tuple[str, str]:
    """The same for calls of one tool with the same arguments, however they are written."""
    try:
        return call.name, json.dumps(json.loads(call.arguments), sort_keys=True)
    except ValueError:
        return call.name, call.arguments
