"""Answering with the tools that the model calls by itself: it is asked, its tools are run, and it is asked again."""

import json
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace

import anyio

from myna.core.errors import EngineRefused
from myna.core.ids import new_call_id
from myna.core.tools import ToolCall, ToolResult
from myna.engines.base import (
    FailedOver,
    Finished,
    LLMMessage,
    LLMRequest,
    Loading,
    ReasoningDelta,
    TextDelta,
    ToolCallDelta,
    Usage,
)
from myna.engines.task_group import open_task_group
from myna.engines.usage import added
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
    clients = clients_tools(request, work)
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
        circles = circling(own, made)
        results = await run_calls(own, work, {**_cut_off(answer), **circles})
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
            tool_choice="none" if left <= 0 or len(circles) == len(own) else "auto",
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
                case ReasoningDelta() | Loading() | FailedOver():
                    await work.tell(delta)
                case ToolCallDelta():
                    _join(answer.begun, delta, seen)
                case Finished():
                    answer.finished = delta
    return answer


def _join(begun: dict[int, ToolCall], delta: ToolCallDelta, seen: set[str]) -> None:
    call = begun.get(delta.index)
    if call is None:
        if len(begun) >= MOST_CALLS:
            raise EngineRefused(f"The LLM called more than {MOST_CALLS} tools at a time.")
        # Some servers give no ids, some begin to count anew with each answer, and some give one id to all.
        call = ToolCall(delta.id if delta.id and delta.id not in seen else new_call_id(), "", "")
        seen.add(call.id)
    begun[delta.index] = ToolCall(call.id, call.name or delta.name or "", call.arguments + delta.arguments)


_NONE: Mapping[str, ToolResult] = {}


async def run_calls(
    calls: Sequence[ToolCall], work: Work, refused: Mapping[str, ToolResult] = _NONE, *, agreed: bool = False
) -> list[ToolResult]:
    """Run calls of the server's tools side by side, telling each; give the results in the order of the calls.

    ``refused`` are those that are not run, by their ids, with what the model is told instead. ``agreed``: the user has
    allowed all of them.
    """
    results = [ToolResult("", "cancelled")] * len(calls)
    telling = anyio.Lock()

    async def tell(step: Step) -> None:
        async with telling:
            await work.tell(step)

    async def run(place: int, call: ToolCall) -> None:
        results[place], took_ms = await _run(call, work, tell, refused.get(call.id), agreed=agreed)
        work.keep(call, results[place])
        await tell(CallEnded(call, results[place], took_ms))

    if calls:
        await work.before_tools()
        async with open_task_group() as running:
            for place, call in enumerate(calls):
                running.start_soon(run, place, call)
    return results


async def _run(
    call: ToolCall, work: Work, tell: Callable[[Step], Awaitable[None]], refused: ToolResult | None, *, agreed: bool
) -> tuple[ToolResult, float]:
    tool = work.tools.find(call.name)
    refused = refused or work.declined.get(call_key(call)) or work.tools.problem(call)
    asks = tool is not None and tool.confirm and refused is None and not agreed
    await tell(CallStarted(call, asks))
    if asks and (refused := await work.allow(call)) is not None:
        if refused.asks is not None:
            refused = replace(refused, asks=work.tools.masked(call).arguments)
        work.declined[call_key(call)] = refused
    refused = refused or _changed(tool, work.tools.find(call.name))
    if refused is not None:
        return refused, 0.0
    began = anyio.current_time()
    work.begin(call)
    result = await work.tools.run(call, late=work.late)
    return result, (anyio.current_time() - began) * 1000


def _changed(asked: Tool | None, now: Tool | None) -> ToolResult | None:
    """What was told, and agreed to, is what is run: a server may have put another tool in its place meanwhile."""
    same = asked is not None and now is not None and (asked.spec, asked.confirm) == (now.spec, now.confirm)
    return None if same else ToolResult("The tool has changed in this moment. It was not run.", "refused")


def clients_tools(request: LLMRequest, work: Work) -> frozenset[str]:
    """The names of the client's own tools. One of the server's that has gone meanwhile is none of them."""
    if work.clients is not None:
        return work.clients
    return frozenset(tool.name for tool in request.tools).difference(spec.name for spec in work.tools.specs)


def _cut_off(answer: Answer) -> dict[str, ToolResult]:
    """The call that the token limit cut off, if one was: what is left of its arguments may fit, and not be meant."""
    if answer.finished.reason != "length" or _is_object((last := answer.calls[-1]).arguments):
        return {}
    text = (
        f"{last.name} was not run: the call was cut off, since the answer was too long. Call it again, in fewer words."
    )
    return {last.id: ToolResult(text, "refused")}


def _is_object(arguments: str) -> bool:
    try:
        return isinstance(json.loads(arguments), dict)
    except (ValueError, RecursionError):
        return False


def answered(text: str, calls: Sequence[ToolCall], results: Sequence[ToolResult]) -> tuple[LLMMessage, ...]:
    """What a round adds to the prompt of the next."""
    told = (
        LLMMessage(
            "tool",
            result.output,
            tool_call_id=call.id,
            outcome="asks" if result.asks is not None else "failed" if result.failed else "ok",
            shown=result.asks or "",
        )
        for call, result in zip(calls, results, strict=True)
    )
    return (LLMMessage("assistant", text, tool_calls=tuple(calls)), *told)


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
